"""The state of a run survives the run."""

from pathlib import Path

import pytest

from chaos.errors import ChaosError
from chaos.options import RunOptions
from chaos.saved_state import SavedState


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    options = RunOptions(seed=3, records=10, faults=2, gap_s=1.5, folder=tmp_path)
    state = SavedState(
        options.as_json(),
        12.5,
        1_700_000_000_000,
        [{"number": 0}],
        [(0.5, 3)],
        {"-9": 2},
        ["odd"],
        {"seen": [1]},
        {"bombs": []},
    )
    state.write(tmp_path)
    assert SavedState.read(tmp_path) == state
    resumed = RunOptions.from_json(SavedState.read(tmp_path).options, tmp_path)
    assert resumed.resume
    assert (resumed.seed, resumed.records, resumed.faults, resumed.gap_s) == (3, 10, 2, 1.5)
    assert list(resumed.kinds) == list(options.kinds)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChaosError, match="no run to resume in this folder"):
        SavedState.read(tmp_path)
