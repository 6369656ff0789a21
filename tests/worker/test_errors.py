"""The lanes and the exit codes that supervisors and people rely on."""

from tweets.reasons import BadRecordError
from worker.errors import ExitCode, FatalError, TransientError


def test_exit_codes_keep_their_numbers() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "DIFFERENCE": 1,
        "SETTINGS": 2,
        "MODEL": 3,
        "KAFKA": 4,
        "TOPICS": 5,
        "FENCED": 6,
        "ENGINE": 7,
        "REDIS": 8,
        "STUCK": 9,
        "STATE": 10,
        "DEAD_LETTERS": 11,
        "BUG": 70,
        "INTERRUPTED": 130,
    }


def test_no_lane_is_part_of_another() -> None:
    lanes = (BadRecordError, TransientError, FatalError)
    assert not [(one, other) for one in lanes for other in lanes if one is not other and issubclass(one, other)]


def test_a_bad_message_begins_with_its_reason() -> None:
    assert str(BadRecordError("no_text", "no field text")) == "no_text: no field text"
