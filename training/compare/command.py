"""`compare`: models, and ways to treat rare classes, that learn from the same rows under the same budget.

An entry that cannot be had, such as a base of a hub that does not answer, is left out; the others go on.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from training.compare.baseline import TFIDF
from training.compare.comparison import Comparison, Plan
from training.compare.contest import Contest, open_contest
from training.compare.entry import Entry
from training.compare.report import PICTURES, as_text, report
from training.learn.imbalance import Imbalance
from training.output.errors import TrainingError
from training.output.report_folder import prepare_report_folder, writing_report


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
    print(as_text(found, contest))
    with writing_report(output, pictures=PICTURES):
        return report(plan, contest, found, output)


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
