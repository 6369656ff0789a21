"""The results of `compare`: the printed tables, report.json, the pictures and the JSON line."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.compare.comparison import Comparison, Plan
from training.compare.contest import Contest
from training.compare.entry import Entry, best_entry
from training.compare.pictures import draw_models, draw_strategies, short_names
from training.compare.table import entry_table
from training.output.json_file import write_json
from training.output.provenance import provenance
from training.output.report_folder import REPORT_FILE

MODELS, STRATEGIES = "models.png", "imbalance.png"


def as_text(found: Comparison, contest: Contest) -> str:
    """Return the tables of models and strategies, and a line for each entry that was left out."""
    parts = [entry_table(found.models, "model", rarest=contest.rarest)]
    if found.strategies:
        table = entry_table(found.strategies, "strategy", rarest=contest.rarest)
        parts.append(f"Strategies for class imbalance, base {found.base}:\n{table}")
    if found.left_out:
        parts.append("\n".join(f"left out: {entry['name']}: {entry['reason']}" for entry in found.left_out))
    return "\n\n".join(parts)


def report(plan: Plan, contest: Contest, found: Comparison, *, output: Path, folder: Path) -> dict[str, Any]:
    """Write report and pictures into `folder`, later `output`; return the JSON line."""
    pictures = _draw(contest, found, folder)
    facts = {
        "judged_on": contest.scored_split.name,
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
    about = {
        "arguments": {**asdict(plan), "data": str(plan.data) if plan.data else None},
        "labels": list(contest.data.labels),
        "data": contest.digests(),
        **provenance(),
    }
    write_json(folder / REPORT_FILE, {**facts, **entries, **about})
    return {"models": _main_figures(found.models), "strategies": _main_figures(found.strategies), **facts}


def _main_figures(entries: Sequence[Entry]) -> dict[str, dict[str, float]]:
    return {
        entry.name: {"accuracy": round(entry.main_scores.accuracy, 6), "macro_f1": round(entry.main_scores.macro_f1, 6)}
        for entry in entries
    }


def _draw(contest: Contest, found: Comparison, output: Path) -> list[str]:
    """Draw the pictures and return their file names."""
    split = f"{contest.scored_split.name}, {len(contest.scored_split):,} tweets"
    draw_models(found.models, output / MODELS, split=split)
    if not found.strategies:
        return [MODELS]
    title = f"Strategies for class imbalance: base {short_names([str(found.base)])[0]}, {split}"
    draw_strategies(found.strategies, contest.shares, output / STRATEGIES, title=title)
    return [MODELS, STRATEGIES]
