"""`compare`: train models, and strategies for class imbalance, on the same rows under the same budget.

An entry that cannot be trained, for instance because the hub does not answer, is left out of the report. The other
entries are trained.
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
from training.compare.report import as_text, report
from training.learn.imbalance import Imbalance
from training.output.errors import TrainingError
from training.output.report_folder import prepare_report_folder, writing_report


def compare(plan: Plan, output: Path) -> dict[str, Any]:
    """Train every entry, write report and pictures into `output`, print the tables, return the main figures.

    Raises TrainingError if the rows cannot be used, or if no base could be trained.
    """
    strategies = _strategies(plan.imbalance)
    prepare_report_folder(output)
    contest = open_contest(
        plan.dataset,
        epochs=plan.epochs,
        seed=plan.seed,
        limit=plan.limit,
        labels=plan.labels,
        data=plan.data,
        data_root=plan.data_root,
    )
    found = Comparison()
    found.models = found.attempt((name, partial(contest.enter, name)) for name in plan.bases)
    if not found.models:
        raise TrainingError(f"no base of --bases could be trained; reason of the first: {found.left_out[0]['reason']}")
    _try_strategies(found, contest, strategies)
    print(as_text(found, contest))
    with writing_report(output) as folder:
        return report(plan, contest, found, output=output, folder=folder)


def _strategies(names: Sequence[str]) -> list[Imbalance]:
    unknown = [name for name in names if name not in list(Imbalance)]
    if unknown:
        raise TrainingError(f"--imbalance: unknown strategy {unknown[0]!r}; choose from {', '.join(Imbalance)}")
    return [Imbalance(name) for name in names]


def _try_strategies(found: Comparison, contest: Contest, strategies: Sequence[Imbalance]) -> None:
    """Fine-tune one base with each strategy: the first base that could be fine-tuned. `none` is that base's entry."""
    plain = next((entry for entry in found.models if entry.name != TFIDF), None)
    if plain is None:
        for strategy in strategies:
            found.leave_out(strategy, "no base of --bases could be fine-tuned; add another base to --bases")
        return
    found.base = plain.name
    found.strategies = found.attempt(
        (strategy, partial(_strategy_entry, contest, plain, strategy)) for strategy in strategies
    )


def _strategy_entry(contest: Contest, plain: Entry, strategy: Imbalance) -> Entry:
    if strategy is Imbalance.NONE:
        return replace(plain, name=str(strategy))
    return contest.fine_tuned(plain.name, strategy, name=str(strategy))
