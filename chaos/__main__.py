"""`python -m chaos`: faults in three Kafka brokers, a Redis and the workers, and a verifier that reads along.

The last line on stdout is one JSON object; progress, table and everything else are on stderr. `make chaos` installs
what it needs.
"""

import argparse
import logging
import random
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.broken_rules import RULES
from chaos.errors import ChaosError
from chaos.options import OURS, PROGRAMS, RunOptions
from chaos.prerequisites import kafka_home
from chaos.profiles import profile_named
from deploy.local.errors import LocalError
from deploy.local.progress import say
from worker.errors import ExitCode
from worker.process.option_types import positive, whole
from worker.process.stop import StopFlag

if TYPE_CHECKING:
    from chaos.result import RunResult

Run = Callable[[RunOptions], "RunResult"]

_MOST_SEED = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and judge; return 0 if the promise was kept, 1 if it was broken, 2 if nothing could be judged."""
    options = _parser().parse_args(arguments)
    try:
        kafka_home()
        return _run(options)
    except ModuleNotFoundError as error:
        return _refuse(f"package {error.name} is missing; run pip install '.[chaos]' in the project's folder")
    except (ChaosError, LocalError) as error:
        return _refuse(str(error))
    except Exception:
        traceback.print_exc()
        return ExitCode.BUG


def _run(parsed: argparse.Namespace) -> int:
    from chaos.run import InterruptedRunError, run

    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # that brokers do not answer is what a run is about
    stop = StopFlag()
    stop.listen()
    run_one = partial(run, stop=stop)
    try:
        return _compare(parsed, run_one) if parsed.compare else _judge(parsed, run_one)
    except InterruptedRunError as interrupted:
        say(str(interrupted))
        return ExitCode.INTERRUPTED


def _judge(parsed: argparse.Namespace, run: Run) -> int:
    from chaos.report.picture import draw
    from chaos.report.table import show

    options = _options(parsed)
    say(f"seed {options.seed}: {options.records:,} records, {options.faults:,} faults")
    result = run(options)
    show(result)
    if parsed.picture:
        draw(result, parsed.picture)
        say(f"written: {parsed.picture}")
    print(result.line(), flush=True)
    return ExitCode.DIFFERENCE if result.broken else ExitCode.OK


def _compare(parsed: argparse.Namespace, run: Run) -> int:
    from chaos.compare import FAULTS, RECORDS, compare_programs, options_for

    if parsed.run or parsed.resume or parsed.broken_rule or parsed.picture or parsed.program != OURS:
        raise ChaosError("--compare: runs all programs; only --seed, --records and --faults go with it")
    records, faults = parsed.records or RECORDS, FAULTS if parsed.faults is None else parsed.faults
    options = options_for(_seed(parsed), gap_s=profile_named(parsed.profile).gap_s, records=records, faults=faults)
    say(f"seed {options.seed}: {options.records:,} records and {options.faults:,} faults for each program")
    comparison = compare_programs(options, run)
    say(comparison.markdown())
    print(comparison.line(), flush=True)
    return ExitCode.OK if comparison.kept else ExitCode.DIFFERENCE


def _options(parsed: argparse.Namespace) -> RunOptions:
    from chaos.compare import for_any_program

    if parsed.resume:
        return _resumed(parsed)
    profile = profile_named(parsed.profile)
    if parsed.run and any((parsed.run / name).exists() for name in ("state.json", "kafka")):
        raise ChaosError(f"--run {parsed.run}: the folder has a run already; continue with --resume, or name another")
    options = RunOptions(
        seed=_seed(parsed),
        records=parsed.records or profile.records,
        faults=profile.faults if parsed.faults is None else parsed.faults,
        gap_s=profile.gap_s,
        density=profile.density,
        profile=profile.name,
        program=parsed.program,
        broken_rule=parsed.broken_rule,
        folder=parsed.run and parsed.run.resolve(),
    )
    return options if options.program == OURS else for_any_program(options)


def _seed(parsed: argparse.Namespace) -> int:
    return random.randrange(_MOST_SEED) if parsed.seed is None else int(parsed.seed)


def _resumed(parsed: argparse.Namespace) -> RunOptions:
    """Return the options of the run in the folder; its seed, records and faults are those of its beginning."""
    from chaos.saved_state import SavedState

    if not parsed.run:
        raise ChaosError("--resume: name the folder of the run with --run")
    return RunOptions.from_json(SavedState.read(parsed.run).options, parsed.run.resolve())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("--profile", default="quick", help="quick, within ten minutes, or long, 2,000 faults (%(default)s)")
    add("--seed", type=int, help="the same seed gives the same schedule of faults and the same texts (random)")
    add("--records", type=positive, help="records to feed (of the profile)")
    add("--faults", type=whole(0), help="faults to inject (of the profile)")
    add("--run", type=Path, metavar="FOLDER", help="keep servers' data, logs and state here, so that it can be resumed")
    add("--resume", action="store_true", help="continue the run in the folder of --run")
    add("--program", default=OURS, choices=PROGRAMS, help="the program under test (%(default)s)")
    add("--compare", action="store_true", help="the same 20 faults on this project's worker and on two other programs")
    add("--break", dest="broken_rule", choices=RULES, help="switch off a rule of the worker, to see what is found")
    add("--picture", type=Path, metavar="FILE", help="write a picture of the progress, .svg or .png")
    return parser


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return ExitCode.SETTINGS


if __name__ == "__main__":
    sys.exit(main())
