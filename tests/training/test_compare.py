"""`compare`: which entries are trained, what is reported, and which entries are left out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.mixed import comments, two_data_sets, write
from tests.training.moods import MakeDataset, rows_of
from training.__main__ import main
from training.compare.contest import open_contest
from training.compare.entry import Entry, best_entry
from training.compare.pictures import short_names
from training.compare.table import entry_table
from training.learn.fit import fit
from training.learn.imbalance import Imbalance
from training.output.errors import TrainingError
from training.output.own_folder import REPORT_FOLDER
from training.output.whole_folder import whole_folder
from training.score.scores import ClassScores, Scores
from tweets.emotions import EMOTIONS

LABELS = ("glad", "low", "cross")


@pytest.fixture(autouse=True)
def rate_for_a_tiny_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a learning rate at which a tiny base of random weights learns."""
    monkeypatch.setattr("training.compare.contest.suited_learning_rate", lambda model: 1e-2)


def compare(output: Path, dataset: str, bases: str, *more: str) -> int:
    where = ["--dataset", dataset, "--bases", bases, "--output", str(output)]
    return main(["compare", *where, "--epochs", "2", *more])


def last_line(text: str) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(text.splitlines()[-1])
    return summary


def scores(accuracy: float, macro_f1: float) -> Scores:
    per_class = {label: ClassScores(macro_f1, macro_f1, macro_f1, 1) for label in LABELS}
    return Scores(3, accuracy, macro_f1, macro_f1, 0.5, 0.1, 0.05, per_class)


def entry(name: str, validation: float, test: float | None) -> Entry:
    on_test = None if test is None else scores(test, test)
    return Entry(name, {}, 1234, 5.6, 789.1, scores(validation, validation), on_test)


# The command.


def test_models_and_strategies_are_trained_and_reported(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "compared"
    assert compare(output, moods, f"tfidf,{tiny_base}") == 0
    printed = capsys.readouterr().out
    summary = last_line(printed)
    assert list(summary["models"]) == ["tfidf", tiny_base]
    assert list(summary["strategies"]) == list(Imbalance)
    assert summary["strategies_on"] == tiny_base
    assert (summary["judged_on"], summary["left_out"]) == ("test", [])
    assert summary["models"]["tfidf"] == {"accuracy": 1.0, "macro_f1": 1.0}
    assert {path.name for path in output.iterdir()} == {"SHA256SUMS", "report.json", "models.png", "imbalance.png"}
    assert "tweets/s" in printed

    report = json.loads((output / "report.json").read_text())
    models = report["models"]
    assert [model["validation"]["rows"] for model in models] == [15, 15]
    assert [model["test"]["rows"] for model in models] == [12, 12]
    assert all(model["parameters"] > 0 and model["tweets_per_s"] > 0 for model in models)
    assert report["strategies"][0] == {**models[1], "name": "none"}  # the plain run is not made twice
    assert report["data"]["train"]["rows"] == 120
    assert report["arguments"]["epochs"] == 2


def test_a_base_that_does_not_exist_is_left_out_with_its_reason(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(tmp_path / "compared", moods, f"tfidf,/nowhere,{tiny_base}", "--imbalance", "focal") == 0
    captured = capsys.readouterr()
    summary = last_line(captured.out)
    assert [left["name"] for left in summary["left_out"]] == ["/nowhere"]
    assert "no such folder" in summary["left_out"][0]["reason"]
    assert "/nowhere is left out" in captured.err
    assert summary["strategies_on"] == tiny_base
    assert list(summary["strategies"]) == ["focal"]


def test_a_strategy_that_fails_does_not_stop_the_others(
    tmp_path: Path, moods: str, tiny_base: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(task: Any, recipe: Any, *rest: Any) -> Any:
        if recipe.imbalance is Imbalance.OVERSAMPLE:
            raise TrainingError("too little memory")
        return fit(task, recipe, *rest)

    monkeypatch.setattr("training.compare.contest.fit", out_of_memory)
    strategies = ("--imbalance", "oversample,undersample", "--epochs", "1")
    assert compare(tmp_path / "compared", moods, tiny_base, *strategies) == 0
    summary = last_line(capsys.readouterr().out)
    assert list(summary["strategies"]) == ["undersample"]
    assert summary["left_out"] == [{"name": "oversample", "reason": "too little memory"}]


def test_the_baseline_can_be_compared_without_a_test_split(
    tmp_path: Path, make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset(train=rows_of(LABELS, each=6), validation=rows_of(LABELS, each=2))
    with whole_folder(tmp_path / "compared", replaces=REPORT_FOLDER) as earlier:
        for name in ("report.json", "imbalance.png"):
            (earlier / name).write_text("of an earlier comparison")
    assert compare(tmp_path / "compared", dataset, "tfidf", "--imbalance", "none") == 0
    captured = capsys.readouterr()
    summary = last_line(captured.out)
    assert summary["judged_on"] == "validation"
    assert summary["pictures"] == ["models.png"]
    assert summary["left_out"][0]["name"] == "none"
    assert not (tmp_path / "compared" / "imbalance.png").exists()
    assert "test" not in captured.out.splitlines()[0]


@pytest.mark.parametrize(
    ("bases", "strategies", "complaint"),
    [
        ("tfidf", "none,magic", "unknown strategy 'magic'; choose from none, class-weights, oversample"),
        ("/nowhere,./neither", "none", "no base of --bases could be trained; reason of the first: base '/nowhere'"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_ends_in_one_line(
    tmp_path: Path, moods: str, capsys: pytest.CaptureFixture[str], bases: str, strategies: str, complaint: str
) -> None:
    assert compare(tmp_path / "compared", moods, bases, "--imbalance", strategies) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err.splitlines()[-1]
    assert captured.out == ""


# Entries.


def test_every_entry_has_the_same_rows_and_the_same_budget(moods: str, tiny_base: str) -> None:
    contest = open_contest(moods, epochs=1, seed=3, limit=30)
    assert (len(contest.data.train), contest.data.added) == (30, None)
    baseline, model = contest.enter("tfidf"), contest.enter(tiny_base)
    assert baseline.test is not None
    assert model.test is not None
    assert baseline.test.rows == model.test.rows
    again = contest.enter(tiny_base)
    assert (again.validation, again.test) == (model.validation, model.test)


def test_a_mapped_data_set_is_compared_by_its_rows_with_one_label(tmp_path: Path) -> None:
    words = dict(zip(EMOTIONS, ("tears", "sunny", "great", "furious", "lonely", "wow"), strict=True))
    (tmp_path / "talk").mkdir()
    for place, split in enumerate(("train", "validation", "test")):
        rows = [
            {"text": f"{word} {n} {'!' * place}{split}", "labels": [label]}
            for n in range(4)
            for label, word in words.items()
        ]
        rows += [{"text": f"bus {split}", "labels": ["neutral"]}, {"text": "both", "labels": ["joy", "love"]}]
        (tmp_path / "talk" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping = json.dumps({label: label for label in (*EMOTIONS, "neutral")})
    (tmp_path / "data.yaml").write_text(f"data: [{{path: talk, labels: {mapping}}}]")
    where = ["--data", str(tmp_path / "data.yaml"), "--data-root", str(tmp_path)]
    assert compare(tmp_path / "out", "talk", "tfidf", *where) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["labels"] == list(EMOTIONS)
    assert {name: facts["rows"] for name, facts in report["data"].items()} == dict.fromkeys(
        ("train", "validation", "test"), 24
    )
    assert report["judged_on"] == "test"


def test_training_rows_of_a_mapped_data_set_with_the_text_of_an_evaluation_row_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = two_data_sets(tmp_path)
    rows = [*comments(each=20), {"text": "THE @you tears", "labels": ["teary"]}]
    write(tmp_path / "comments", train=rows, test=[{"text": "the @me tears", "labels": ["teary"]}])
    where = ["--data", str(file), "--data-root", str(tmp_path), "--labels", ",".join(LABELS)]
    assert compare(tmp_path / "out", "comments", "tfidf", *where) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["labels"] == list(LABELS)
    assert report["data"]["train"]["rows"] == 60
    assert "training rows of comments are also in comments test and are left out" in capsys.readouterr().err


def test_a_sample_of_a_data_file_is_not_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data.yaml").write_text("data: [{path: sample}]")
    assert compare(tmp_path / "out", "sample", "tfidf", "--data", str(tmp_path / "data.yaml")) == 2
    assert "is for evaluation only" in capsys.readouterr().err


def test_the_best_entry_is_chosen_on_validation_not_on_test() -> None:
    assert best_entry([entry("lucky", 0.5, 0.9), entry("good", 0.7, 0.6)]).name == "good"


def test_the_rarest_class_is_the_one_with_the_fewest_training_rows(moods: str) -> None:
    contest = open_contest(moods, epochs=1, seed=3, limit=38)  # glad, low, cross, glad, low, cross, …
    assert contest.rarest == "cross"
    assert sum(contest.shares.values()) == pytest.approx(1)
    few = replace(contest.data, train=replace(contest.data.train, targets=(0, 1, 1, 2, 2)))
    assert replace(contest, data=few).rarest == "glad"


def test_a_table_has_a_column_for_each_figure() -> None:
    table = entry_table([entry("a", 0.5, 0.25), entry("longer", 0.75, 0.5)], "model", rarest="low")
    above, heading, first, second = table.splitlines()
    assert above.split() == ["validation", "test", "low"]
    assert heading.split("  ")[0] == "model"
    assert first.split() == ["a", "1,234", "5.6", "s", "789", "0.5000", "0.5000", "0.2500", "0.2500", "0.2500"]
    assert len(first) == len(second)


def test_names_are_shortened_unless_two_become_the_same() -> None:
    assert short_names(["tfidf", "google-bert/bert-base-uncased", "/my/base/"]) == [
        "tfidf",
        "bert-base-uncased",
        "base",
    ]
    assert short_names(["one/base", "other/base"]) == ["one/base", "other/base"]
