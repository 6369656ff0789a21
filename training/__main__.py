"""`python -m training`: train, evaluate, export. The last line on stdout is one JSON object."""

import json
import logging
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.options import parse
from worker.errors import ExitCode

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, or 2 after one line that says what to change."""
    options = parse(arguments)
    try:
        _quieten_libraries()
        summary = _COMMANDS[options.command](options)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.SETTINGS
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is missing: pip install '.[train]' in the project's folder", file=sys.stderr)
        return ExitCode.SETTINGS
    except KeyboardInterrupt:
        print("interrupted; nothing half-written is left", file=sys.stderr)
        return _INTERRUPTED
    print(json.dumps(summary, ensure_ascii=False))
    return ExitCode.OK


def _quieten_libraries() -> None:
    """Our own lines say what happens; the libraries' bars and advice would drown them."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    warnings.simplefilter("ignore")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    from transformers.utils import logging as untyped

    transformers_logging: Any = untyped

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def _train(options: Namespace) -> dict[str, Any]:
    from training.export import export
    from training.folders import require_replaceable
    from training.recipe import Recipe
    from training.train import Task, is_main_process, train
    from worker.model_folder import MANIFEST

    model: Path = options.model or options.run.with_name(options.run.name + "-model")
    if not options.no_export:  # found out now rather than after training
        require_replaceable(model, replaces=MANIFEST)
    task = Task(**{name: getattr(options, name) for name in Task.__dataclass_fields__})
    recipe = Recipe(**{name: getattr(options, name) for name in Recipe.__dataclass_fields__})
    summary = train(task, recipe, options.run)
    if options.no_export or not is_main_process():
        return summary
    return {**summary, **export(options.run, model)}


def _evaluate(options: Namespace) -> dict[str, Any]:
    from training.evaluate import evaluate
    from training.scores import table

    summary, scores = evaluate(options.model, options.dataset, options.split, engine=options.engine)
    if not options.json:
        print(table(scores))
    return summary


def _export(options: Namespace) -> dict[str, Any]:
    from training.export import export

    return export(options.run, options.model, dataset=options.dataset)


_COMMANDS = {"train": _train, "evaluate": _evaluate, "export": _export}


if __name__ == "__main__":
    sys.exit(main())
