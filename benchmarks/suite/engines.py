"""The part *engine*: from texts to labels in one process, without Kafka; and the ceilings of the machine."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Final

from benchmarks.suite.environments import python_of
from benchmarks.suite.errors import SkippedError
from benchmarks.suite.measurement import Measurement
from benchmarks.suite.peer import OwnEngineError, Peer, peer_command
from benchmarks.suite.profiles import Profile
from benchmarks.suite.progress import say
from benchmarks.suite.texts import Texts

OURS: Final = "ours"
INT8_CEILING: Final = "int8 ceiling"
FP32_CEILING: Final = "fp32 ceiling"

#: Module of benchmarks.peers → its environment; None is that of the benchmark.
PEERS: Final[dict[str, str | None]] = {
    OURS: None,
    "pipelines": "transformers",
    "onnxruntime_int8": "onnxruntime",
    "openvino_int8": "openvino",
    "ctranslate2_int8": "ctranslate2",
    "infinity": "infinity",
}

#: Contenders of which only the fastest take part in the rounds; the others are measured once, to find the fastest.
_SETTINGS: Final = ("pipeline ", "distilbert ")

#: One round is not enough to know which of two close settings is faster.
KEPT_SETTINGS: Final = 2

#: Texts of the first, short rounds, after which the length of a round is known.
_FIRST_TEXTS: Final = 32

#: Matrix products of a round: a text counts as one product there.
_FIRST_PRODUCTS: Final = 2

#: Texts that a peer gets for calibration.
_SAMPLES: Final = 300


@dataclass
class EngineResults:
    """Measurements by contender, skipped peers with the reason, and versions of the peers' packages."""

    measurements: dict[str, Measurement] = field(default_factory=dict)
    once: dict[str, float] = field(default_factory=dict)
    """Tweets a second in the one round of each setting of the pipeline."""
    skipped: dict[str, str] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass
class _Contender:
    peer: Peer
    name: str
    count: int
    """Texts of a round."""


def measure_engines(profile: Profile, texts: Texts, model: Path, folder: Path) -> EngineResults:
    """Measure all peers in interleaved rounds. Each peer gets texts that are normalised already; ours gets raw ones.

    Raises BenchmarkError if this project's own engine fails.
    """
    results = EngineResults()
    with ExitStack() as stack:
        contenders: list[_Contender] = []
        for module, environment in PEERS.items():
            try:
                peer = stack.enter_context(_loaded(module, environment, texts, model, folder))
                found = [_sized(peer, name, texts, profile.engine_round_s) for name in peer.contenders]
                contenders += _fastest_settings(found, texts, results)
                results.versions[module] = dict(peer.versions)
            except SkippedError as skipped:
                results.skipped[module] = str(skipped)
                say(f"skipped: {module}: {skipped}")
        for number in range(profile.engine_rounds):
            say(f"engines: round {number + 1} of {profile.engine_rounds}")
            _round(contenders, texts, results)
    return results


def _loaded(module: str, environment: str | None, texts: Texts, model: Path, folder: Path) -> Peer:
    python = None if environment is None else python_of(environment)
    say(f"loading {module} ...")
    failure = OwnEngineError if module == OURS else SkippedError
    peer = Peer(peer_command(module, python), folder / f"{module}.log", failure)
    try:
        peer.load(model, [text.normalized for text in texts.distinct(_SAMPLES)])
    except BaseException:
        peer.close()
        raise
    return peer


def _sized(peer: Peer, name: str, texts: Texts, round_s: float) -> _Contender:
    """Warm a contender up, and return it with the number of texts that take about `round_s`."""
    first = _FIRST_PRODUCTS if name.endswith("ceiling") else _FIRST_TEXTS
    peer.round(name, _inputs(name, texts, first))
    seconds = peer.round(name, _inputs(name, texts, first)).seconds
    return _Contender(peer, name, max(first, ceil(first * round_s / seconds)))


def _fastest_settings(found: Sequence[_Contender], texts: Texts, results: EngineResults) -> list[_Contender]:
    """Return the contenders; of the settings of one program, the KEPT_SETTINGS fastest sorted and unsorted ones."""
    groups: dict[str, list[_Contender]] = {}
    for each in found:
        is_setting = each.name.startswith(_SETTINGS)
        sorting = " sorted" if each.name.endswith(" sorted") else ""
        groups.setdefault(f"{each.name.split()[0]}{sorting}" if is_setting else each.name, []).append(each)
    kept = []
    for group in groups.values():
        if len(group) > 1:
            for each in group:
                results.once[each.name] = each.peer.round(each.name, _inputs(each.name, texts, each.count)).rate
            group.sort(key=lambda each: -results.once[each.name])
        kept += group[:KEPT_SETTINGS]
    return kept


def _round(contenders: list[_Contender], texts: Texts, results: EngineResults) -> None:
    for each in list(contenders):
        unit = "GOP/s" if each.name.endswith("ceiling") else "tweets/s"
        try:
            rate = each.peer.round(each.name, _inputs(each.name, texts, each.count)).rate
        except SkippedError as skipped:
            contenders.remove(each)
            results.measurements.pop(each.name, None)
            results.skipped[each.name] = str(skipped)
            say(f"skipped: {each.name}: {skipped}")
        else:
            results.measurements.setdefault(each.name, Measurement(each.name, unit)).rounds.append(rate)


def _inputs(name: str, texts: Texts, count: int) -> list[str]:
    return [text.raw if name == OURS else text.normalized for text in texts.distinct(count)]
