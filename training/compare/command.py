"""`compare`: models, and ways to treat rare classes, that learn from the same rows under the same budget.

An entry that cannot be had, such as a base of a hub that does not answer, is left out; the others go on.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from training.compare.baseline import TFIDF
from training.compare.contest import Contest, open_contest
from training.compare.entry import Entry, best_entry
from training.compare.pictures import draw_models, draw_strategies, short_names
from training.compare.table import entry_table
from training.learn.imbalance import Imbalance
from training.output.errors import TrainingError
from training.output.json_file import write_json
from training.output.progress import say
from training.output.provenance import provenance
from training.output.report_folder import REPORT_FILE, prepare_report_folder, writing_report

MODELS, STRATEGIES = "models.png", "imbalance.png"
PICTURES: Final = r"(?:models|imbalance)\.png"

Attempts = Iterable[tuple[str, Callable[[], Entry]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, and under which budget."""

    dataset: str
    bases: tuple[str, ...]
    """`tfidf`, `auto`, `minilm`, folders or hub ids."""
    imbalance: tuple[str, ...]
    """Names of strategies (training.learn.imbalance.Imbalance)."""
    epochs: int
    seed: int
    limit: int | None
    """Learn from the first rows only; None: all."""


@dataclass(slots=True)
class Comparison:
    """What came of a plan."""

    models: list[Entry] = field(default_factory=list)
    strategies: list[Entry] = field(default_factory=list)
    base: str | None = None
    """The one that the strategies were tried on."""
    left_out: list[dict[str, str]] = field(default_factory=list)
    """`name` and `reason`, one line each."""

    def attempt(self, attempts: Attempts) -> list[Entry]:
        """Return the entries of those that could be trained, and note the others."""
        entries: list[Entry] = []
        for name, train in attempts:
            try:
                entries.append(train())
            except TrainingError as error:
                self.leave_out(name, str(error))
        return entries

    def leave_out(self, name: str, reason: str) -> None:
        """Note why there is no such entry."""
        say(f"{name} is left out: {reason}")
        self.left_out.append({"name": name, "reason": reason})


def compare(plan: Plan, output: Path) -> dict[str, Any]:
    """Train every entry, write report and pictures into `output`, print the tables, return the main figures.

    Raises TrainingError for rows that cannot be used, and where no entry at all could be trained.
    """
    ways = _ways(plan.imbalance)
    prepare_report_folder(output)
    contest = open_contest(plan.dataset, epochs=plan.epochs, seed=plan.seed, limit=plan.limit)
    found = Comparison()
    found.models = found.attempt((name, partial(contest.enter, name)) for name in plan.bases)
    if not found.models:
        raise TrainingError(f"none of --bases could be trained; the first one: {found.left_out[0]['reason']}")
    _try_strategies(found, contest, ways)
    print(_text(found, contest))
    with writing_report(output, pictures=PICTURES):
        return _reported(plan, contest, found, output)


def _ways(names: Sequence[str]) -> list[Imbalance]:
    unknown = [name for name in names if name not in list(Imbalance)]
    if unknown:
        raise TrainingError(f"--imbalance: no strategy is called {unknown[0]!r}; choose from {', '.join(Imbalance)}")
    return [Imbalance(name) for name in names]


def _try_strategies(found: Comparison, contest: Contest, ways: Sequence[Imbalance]) -> None:
    """Fine-tune the first base that could be had once for each strategy; `none` is what it did already."""
    plain = next((entry for entry in found.models if entry.name != TFIDF), None)
    if plain is None:
        for way in ways:
            found.leave_out(way, "no base could be fine-tuned to try it on; give one more to --bases")
        return
    found.base = plain.name
    found.strategies = found.attempt((way, partial(_strategy, contest, plain, way)) for way in ways)


def _strategy(contest: Contest, plain: Entry, way: Imbalance) -> Entry:
    if way is Imbalance.NONE:
        return replace(plain, name=str(way))
    return contest.fine_tuned(plain.name, way, name=str(way))


# Reporting.


def _text(found: Comparison, contest: Contest) -> str:
    parts = [entry_table(found.models, "model", rarest=contest.rarest)]
    if found.strategies:
        table = entry_table(found.strategies, "strategy", rarest=contest.rarest)
        parts.append(f"What is done about rare classes, tried on {found.base}:\n{table}")
    if found.left_out:
        parts.append("\n".join(f"left out: {entry['name']}: {entry['reason']}" for entry in found.left_out))
    return "\n\n".join(parts)


def _reported(plan: Plan, contest: Contest, found: Comparison, output: Path) -> dict[str, Any]:
    pictures = _draw(contest, found, output)
    facts = {
        "judged_on": contest.judged.name,
        "rarest_class": contest.rarest,
        "best": best_entry(found.models).name,
        "strategies_on": found.base,
        "best_strategy": best_entry(found.strategies).name if found.strategies else None,
        "left_out": found.left_out,
        "output": str(output),
        "pictures": pictures,
    }
    entries = {
        "models": [entry.as_dict() for entry in found.models],
        "strategies": [entry.as_dict() for entry in found.strategies],
    }
    about = {"arguments": asdict(plan), "labels": list(contest.data.labels), "data": contest.digests(), **provenance()}
    write_json(output / REPORT_FILE, {**facts, **entries, **about})
    return {"models": _main_figures(found.models), "strategies": _main_figures(found.strategies), **facts}


def _main_figures(entries: Sequence[Entry]) -> dict[str, dict[str, float]]:
    return {
        entry.name: {"accuracy": round(entry.judged.accuracy, 6), "macro_f1": round(entry.judged.macro_f1, 6)}
        for entry in entries
    }


def _draw(contest: Contest, found: Comparison, output: Path) -> list[str]:
    """Draw the pictures and return their names."""
    split = f"{contest.judged.name}, {len(contest.judged):,} tweets"
    draw_models(found.models, output / MODELS, split=split)
    if not found.strategies:
        return [MODELS]
    title = f"What is done about rare classes: {short_names([str(found.base)])[0]}, {split}"
    draw_strategies(found.strategies, contest.shares, output / STRATEGIES, title=title)
    return [MODELS, STRATEGIES]
