"""Several data sets in one file: the mapping of labels, and everything that can be wrong in the file."""

from pathlib import Path

import pytest

from tests.training.moods import MakeDataset
from training.data.data_file import BUNDLED_DATA, from_record, read_data_file, recorded
from training.data.mapped_split import read_mapped_split, read_other_mapped_split
from training.data.mapping import MappedDataset
from training.output.errors import TrainingError
from tweets.emotions import EMOTIONS

OURS = ("sadness", "joy", "anger")
MAPPING = {"cross": ("anger",), "bittersweet": ("sadness", "joy"), "bliss": ("joy",), "plain": ("neutral",), "odd": ()}


def several_labels(make_dataset: MakeDataset) -> MappedDataset:
    lists = [["cross"], ["bittersweet"], ["plain"], ["odd"], ["bliss", "odd"], ["cross", "bliss"], ["bliss", "plain"]]
    rows = [{"text": f"row {n}", "labels": names} for n, names in enumerate(lists)]
    return MappedDataset(make_dataset(train=rows), OURS, MAPPING)


def test_labels_are_mapped_onto_one_of_ours_several_neutral_or_nothing(make_dataset: MakeDataset) -> None:
    split = read_mapped_split(several_labels(make_dataset), "train")
    assert split.numbers == (0, 1, 2, 4, 5, 6)
    assert split.targets == ((2,), (0, 1), (3,), (1,), (1, 2), (1, 3))
    assert split.alone == (True, True, True, False, False, False)
    assert split.has_neutral


def test_skipped_rows_are_kept_on_request(make_dataset: MakeDataset) -> None:
    split = read_mapped_split(several_labels(make_dataset), "train", skipped=True)
    assert split.targets[3] == ()
    assert len(split) == 7


def test_rows_with_exactly_one_label_are_scored_with_or_without_neutral(make_dataset: MakeDataset) -> None:
    split = read_mapped_split(several_labels(make_dataset), "train")
    assert split.one_label().targets == (2, 1)
    assert split.one_label(alone=True).numbers == (0,)
    assert split.one_label(alone=True, neutral=True).targets == (2, 3)


def test_a_data_set_without_a_mapping_has_the_labels_of_the_model(make_dataset: MakeDataset) -> None:
    path = make_dataset(train=[{"text": "a", "label": "joy"}, {"text": "b", "label": 0}])
    spec = MappedDataset(path, OURS)
    assert read_mapped_split(spec, "train").targets == ((1,), (0,))
    assert not spec.has_neutral
    assert read_other_mapped_split(spec, "validation") is None


def test_a_label_without_a_mapping_is_named(make_dataset: MakeDataset) -> None:
    spec = MappedDataset(make_dataset(train=[{"text": "a", "label": "awe"}]), OURS, MAPPING)
    with pytest.raises(TrainingError, match=r"row 0: label 'awe' has no mapping; add 'awe' to `labels`"):
        read_mapped_split(spec, "train")


def test_a_row_without_a_label_is_named_unless_no_label_is_read(make_dataset: MakeDataset) -> None:
    path = make_dataset(train=[{"text": "a"}])
    with pytest.raises(TrainingError, match="row 0: no label"):
        read_mapped_split(MappedDataset(path, OURS, MAPPING), "train")
    assert read_mapped_split(MappedDataset(path, OURS, {}), "train", skipped=True).targets == ((),)


def test_a_split_without_a_usable_row_is_an_error(make_dataset: MakeDataset) -> None:
    spec = MappedDataset(make_dataset(train=[{"text": "a", "labels": ["odd"]}]), OURS, MAPPING)
    with pytest.raises(TrainingError, match="no row with a usable label"):
        read_mapped_split(spec, "train")


def written(folder: Path, text: str) -> Path:
    file = folder / "data.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_file_gives_paths_labels_weight_and_ratio(tmp_path: Path) -> None:
    text = (
        "data:\n- {path: a}\n- {path: b, labels: {x: joy, y: [joy, love], z: neutral, w: skip}, weight: 2, ratio: .5}"
    )
    plain, mapped = read_data_file(written(tmp_path, text), root=tmp_path)
    assert (plain.ours, plain.labels, plain.weight, plain.ratio) == (EMOTIONS, None, 1.0, 1.0)
    assert mapped.labels == {"x": ("joy",), "y": ("joy", "love"), "z": ("neutral",), "w": ()}
    assert (mapped.weight, mapped.ratio, mapped.has_neutral) == (2.0, 0.5, True)
    assert from_record(recorded((plain, mapped)), EMOTIONS, tmp_path) == (plain, mapped)


def test_a_path_is_below_the_root_or_else_read_from_the_hub(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    text = "data: [{path: there, hub: some/where}, {path: elsewhere, hub: some/data}, {path: raw-tweets}]"
    below, hub, shipped = read_data_file(written(tmp_path, text), root=tmp_path)
    assert (below.source, hub.source) == (str(tmp_path / "there"), "some/data")
    assert Path(shipped.source).name == "raw_tweets.jsonl"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: [{path: a, labels: {x: awe}}]", "label 'x' is mapped onto 'awe', which is no label of the model"),
        ("data: [{path: a, labels: {x: [joy, neutral]}}]", "'neutral', which is no label"),
        ("data: [{path: a, labels: {x: []}}]", "an empty list"),
        ("data: [{path: a, weight: 0}, {path: b, ratio: 0}]", "no data set has a weight and a ratio above 0"),
        ("data: [{path: a, weight: -1}]", r"data\[0\].weight: Input should be greater than or equal to 0"),
        ("data: [{path: a, ratio: .nan}]", r"data\[0\].ratio"),
        ("data: [{path: a, colour: red}]", r"data\[0\].colour: Extra inputs"),
        ("data: [{path: a}, {path: a}]", "'a' is listed twice"),
        ("data: [{path: a/comments}, {path: b/comments}]", "'a/comments' and 'b/comments' have the same short name"),
        ("data: [{path: a, labels: {x: 2001-99-99}}]", "a value cannot be read"),
        ("[" * 2000, "a value cannot be read"),
        ("data: [{path: '~nosuchuser/x'}]", "'~nosuchuser/x': no path"),
        (f"data: [{{path: {'a' * 300}}}]", "File name too long"),
        ("data: []", "data: List should have at least 1 item"),
        ("labels: {}", "data: Field required"),
        ("[1, 2", "not YAML"),
        ("", "the file: Input should be"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        read_data_file(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        read_data_file(tmp_path / "none.yaml")


def test_a_label_called_neutral_of_the_models_own_is_no_neutral_output(tmp_path: Path) -> None:
    text = "data: [{path: a, labels: {x: neutral, y: joy}}]"
    (spec,) = read_data_file(written(tmp_path, text), labels=("joy", "neutral"))
    assert not spec.has_neutral
    assert spec.labels == {"x": ("neutral",), "y": ("joy",)}


def test_the_file_of_the_bundled_model_maps_every_emotion_and_neutral() -> None:
    emotion, comments, raw, everyday, implied = read_data_file(BUNDLED_DATA)
    assert comments.labels is not None
    assert len(comments.labels) == 28
    assert {name for names in comments.labels.values() for name in names} == {*EMOTIONS, "neutral"}
    assert not emotion.has_neutral
    assert [each.path for each in (raw, everyday, implied)] == ["raw-tweets", "everyday-tweets", "implied-tweets"]
    assert everyday.has_neutral
    assert implied.has_neutral
    assert all(Path(each.source).is_file() for each in (raw, everyday, implied))
