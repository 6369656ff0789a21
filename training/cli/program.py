"""Run one command of `python -m training`; the last line on stdout is one JSON object, the command's summary."""

import json
import logging
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.cli.parser import parse
from training.output.errors import TrainingError
from worker.errors import ExitCode, FatalError
from worker.process.unread_output import forget_unread_output

_RESUMABLE = ("train", "tune", "bundle")
"""Commands that keep a checkpoint or a study from which the same command resumes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its `ExitCode`: OK, SETTINGS after one line with the error, or INTERRUPTED."""
    options = parse(arguments)
    try:
        _quieten_libraries()
        summary = _COMMANDS[options.command](options)
        print(json.dumps(summary, ensure_ascii=False), flush=True)
    except (TrainingError, FatalError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.SETTINGS
    except ModuleNotFoundError as error:
        print(
            f"error: package {error.name} is missing; run pip install '.[train]' in the project's folder",
            file=sys.stderr,
        )
        return ExitCode.SETTINGS
    except KeyboardInterrupt:
        resume = "; run the same command again to resume" if options.command in _RESUMABLE else ""
        print(f"interrupted: no incomplete output was written{resume}", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        forget_unread_output()
    return ExitCode.OK


def _quieten_libraries() -> None:
    """Silence the progress bars and warnings of the libraries, which would hide this program's own lines."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    warnings.simplefilter("ignore")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    from transformers.utils import logging as untyped

    transformers_logging: Any = untyped

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def _explore(options: Namespace) -> dict[str, Any]:
    from training.explore.command import explore

    return explore(
        options.dataset,
        options.output,
        model=options.model,
        limit=options.limit,
        labels=options.labels,
        data=options.data,
        data_root=options.data_root,
    )


def _train(options: Namespace) -> dict[str, Any]:
    from training.export.command import export
    from training.learn.fit import Task
    from training.learn.recipe import Recipe
    from training.output.own_folder import MODEL_FOLDER, own_files
    from training.train.command import is_main_process, train

    model: Path = options.model or _beside(options.run)
    if not options.no_export:  # fail before training, not after
        own_files(model, MODEL_FOLDER)
    task = Task(**{name: getattr(options, name) for name in Task.__dataclass_fields__})
    recipe = Recipe(**{name: getattr(options, name) for name in Recipe.__dataclass_fields__})
    summary = train(task, recipe, options.run, served=not options.no_export)
    if options.no_export or not is_main_process():
        return summary
    return {**summary, **export(options.run, model)}


def _beside(run: Path) -> Path:
    return run.with_name(run.name + "-model")


def _agree(options: Namespace) -> dict[str, Any]:
    from training.agree.command import agree

    return agree(options.dataset, options.split, options.second)


def _evaluate(options: Namespace) -> dict[str, Any]:
    from training.evaluate.command import evaluate
    from training.evaluate.subject import Subject

    subject = Subject(**{name: getattr(options, name) for name in Subject.__dataclass_fields__})
    report = evaluate(options.model, subject, options.output, against=options.against, resamples=options.resamples)
    if not options.json:
        print(report.text)
    return report.summary


def _compare(options: Namespace) -> dict[str, Any]:
    from training.compare.command import compare
    from training.compare.comparison import Plan

    plan = Plan(**{name: getattr(options, name) for name in Plan.__dataclass_fields__})
    return compare(plan, options.output)


def _tune(options: Namespace) -> dict[str, Any]:
    from training.tune.command import tune
    from training.tune.trials import Search

    search = Search(**{name: getattr(options, name) for name in Search.__dataclass_fields__})
    return tune(search, options.output)


def _explain(options: Namespace) -> dict[str, Any]:
    from training.explain.command import explain

    return explain(options.texts, options.model, options.output)


def _average(options: Namespace) -> dict[str, Any]:
    from training.average.command import average

    root = None if options.data_root is None else Path(options.data_root)
    return average(
        options.runs,
        options.run,
        towards=options.towards,
        share=options.share,
        dataset=options.dataset,
        data_root=root,
    )


def _export(options: Namespace) -> dict[str, Any]:
    from training.export.command import export
    from training.export.measured import CardReferences

    return export(
        options.run,
        options.model or _beside(options.run),
        dataset=options.dataset,
        data_root=None if options.data_root is None else Path(options.data_root),
        calibration_rows=options.calibration_rows,
        comparisons=CardReferences(options.before, options.siblings, options.note),
    )


def _bundle(options: Namespace) -> dict[str, Any]:
    from training.bundle.command import BundlePlan, bundle

    plan = BundlePlan(**{name: getattr(options, name) for name in BundlePlan.__dataclass_fields__})
    return bundle(replace(plan, note=tuple(plan.note)))


_COMMANDS = {
    "explore": _explore,
    "train": _train,
    "agree": _agree,
    "evaluate": _evaluate,
    "compare": _compare,
    "tune": _tune,
    "explain": _explain,
    "average": _average,
    "bundle": _bundle,
    "export": _export,
}
