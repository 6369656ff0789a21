"""`python -m benchmarks`: this project beside what people would use instead; `make bench` installs what it needs.

The last line on stdout is one JSON object; tables and progress are on stderr.
"""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from benchmarks.suite.errors import BenchmarkError
from benchmarks.suite.profiles import PARTS, profile_named
from deploy.local.errors import LocalError
from worker.errors import ExitCode, FatalError
from worker.settings import BUNDLED_MODEL


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit code. An error of the user is one line on stderr."""
    try:
        return _run(_parser().parse_args(arguments))
    except ModuleNotFoundError as error:
        return _refuse(f"package {error.name} is missing; run pip install '.[bench]' in the project's folder")
    except (BenchmarkError, LocalError, FatalError) as error:
        log = getattr(error, "log", "")
        return _refuse(str(error) + (f" ({log.splitlines()[-1].strip()})" if log else ""))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    from benchmarks.suite.command import Plan, checked, measure
    from benchmarks.suite.report import json_line, show, write_files
    from benchmarks.suite.texts import Texts

    importlib.import_module("matplotlib")  # missing packages are named before anything is measured
    model = options.model.resolve()
    os.environ["MODEL_PATH"] = str(model)  # every worker that is started serves the model that the peers have
    plan = Plan(
        profile=profile_named(options.profile),
        texts=Texts.of(options.dataset, model),
        model=model,
        parts=options.parts,
        before=options.before and options.before.resolve(),
        profiled=options.with_profile,
    )
    results, context = measure(checked(plan))
    show(results, context)
    for path in write_files(results, context, document=options.document):
        print(f"written: {path}", file=sys.stderr)
    print(json_line(results, context), flush=True)
    return ExitCode.OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--profile", default="quick", help="quick, within ten minutes, or full (%(default)s)")
    parser.add_argument("--dataset", default="sample", help="name, folder, file or hub id of a data set (%(default)s)")
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL, help="model folder (the bundled model)")
    parser.add_argument(
        "--parts", type=_parts, default=PARTS, metavar="PART,…", help=f"measure only some of {', '.join(PARTS)}"
    )
    parser.add_argument("--document", action="store_true", help="also write docs/benchmarks.md and its picture")
    parser.add_argument("--with-profile", action="store_true", help="also profile the worker with py-spy")
    parser.add_argument(
        "--before", type=Path, metavar="CHECKOUT", help="another checkout of this project, measured in turn"
    )
    return parser


def _parts(text: str) -> tuple[str, ...]:
    found = tuple(text.split(","))
    unknown = [part for part in found if part not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not one of {', '.join(PARTS)}")
    return found


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return ExitCode.SETTINGS


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)  # so that every program that was started is ended
    sys.exit(main())
