"""What a reader of the committed windows raises: two kinds of errors, which its callers know."""

from collections.abc import Callable
from typing import Any

import pytest

from tweets.records import Partition
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.committed_windows import CommittedWindows
from worker.settings import Settings

P0 = Partition("tweets", 0)
READERS = {
    "read_windows": lambda windows: windows.states([P0]),
    "read_open_windows": lambda windows: list(windows.open([P0])),
    "read_closed_periods": lambda windows: list(windows.closed([P0])),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AttributeError("'NoneType' object has no attribute 'x'"), TransientError),
        (RuntimeError("dictionary changed size during iteration"), TransientError),
        (TransientError("nothing could be read"), TransientError),
        (FatalError("the topic does not exist", ExitCode.TOPICS), FatalError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_unexpected_error_of_the_client_does_not_end_the_worker(
    name: str, error: Exception, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(f"worker.kafka.committed_windows.{name}", fails)
    read: Callable[[CommittedWindows], Any] = READERS[name]
    with pytest.raises(expected, match=str(error)[-20:]) as caught:
        read(CommittedWindows(Settings(_env_file=None)))
    assert caught.value is error or caught.value.__cause__ is error
