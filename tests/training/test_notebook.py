"""All cells of the notebook run, and the notebook is committed without outputs."""

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.training.moods import MakeDataset
from training.data.raw_tweets import RAW_TWEETS_FILE
from training.data.splits import read_split
from tweets.emotions import EMOTIONS
from worker.settings import BUNDLED_MODEL

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def test_the_notebook_is_committed_without_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")


@pytest.mark.slow
def test_every_cell_runs_on_a_small_budget(
    tmp_path: Path, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = read_split(str(RAW_TWEETS_FILE), "train", EMOTIONS)
    rows = [
        {"text": text, "label": EMOTIONS[target]} for text, target in zip(shipped.texts, shipped.targets, strict=True)
    ]
    dataset = make_dataset(train=rows[:120], validation=rows[120:140], test=rows[140:200])
    # The base is the bundled model: a plain base would not pass the export's checks after so few rows.
    quick = f"--base {BUNDLED_MODEL} --add none --epochs 1 --learning-rate 1e-5"
    more = {"DATASET": dataset, "HF_HUB_OFFLINE": "1", "MORE": quick}
    for name, value in {**more, "IPYTHONDIR": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHON": sys.executable}.items():
        monkeypatch.setenv(name, value)
    notebook: Any = nbformat.reads(NOTEBOOK.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=250, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 3 + 1 + 2 + 2
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    assert printed.count("I'm so happy to see you again!") >= 1
    assert all(label in EMOTIONS for label in (line.split()[0] for line in printed.splitlines() if "%  " in line))
