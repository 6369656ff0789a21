"""The parser of the command line of `python -m training`."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any, Final

from training.cli.options import COMMANDS
from training.learn.recipe import MINILM

_SMALL_ROWS = 1_000
"""Rows under `--budget small`: a few minutes on two CPU cores."""

SMALL: Final[dict[str, dict[str, Any]]] = {
    "explore": {"limit": _SMALL_ROWS},
    "train": {"limit": _SMALL_ROWS, "epochs": 3, "r_drop": 0.0, "ema_decay": 0.9},
    "agree": {},
    "evaluate": {"limit": _SMALL_ROWS, "resamples": 200},
    "compare": {"limit": _SMALL_ROWS, "epochs": 1, "bases": ("tfidf", MINILM)},
    "tune": {"limit": _SMALL_ROWS, "epochs": 1, "trials": 4},
    "explain": {},
    "average": {},
    "bundle": {"limit": 200, "epochs": 1, "teacher_base": MINILM},
    "export": {"calibration_rows": 128},
}
"""The defaults of each command's options under `--budget small`; an option on the command line has precedence."""


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the arguments (None: those of this process); exit the process with code 2 on a wrong argument."""
    return _parser().parse_args(arguments)


class _CommandParser(ArgumentParser):
    """The parser of one command; `--budget` sets the defaults of the command's other options."""

    command = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # as argparse calls it for a command
        budget_only = ArgumentParser(add_help=False, allow_abbrev=False)
        budget_only.add_argument("--budget")
        if self.command and budget_only.parse_known_args(args)[0].budget == "small":
            self.set_defaults(**SMALL[self.command])
        return super().parse_known_args(args, namespace)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m training",
        description="Explore a data set; train, evaluate, compare, tune, explain and export the classifier. The last "
        "line on stdout is one JSON object.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_CommandParser)
    for name, (summary, add_options) in COMMANDS.items():
        command: _CommandParser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:])
        command.command = name
        _add_budget(command, name)
        add_options(command)
    return parser


def _add_budget(parser: ArgumentParser, command: str) -> None:
    small = ", ".join(f"--{name.replace('_', '-')} {_as_typed(value)}" for name, value in SMALL[command].items())
    parser.add_argument(
        "--budget",
        choices=("full", "small"),
        default="full",
        help=f"small: finishes in minutes on two CPU cores ({small or 'no difference for this command'}); "
        "default: %(default)s",
    )


def _as_typed(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
