"""The position of replays: every dead letter is handled once, whatever the filters and the order of the replays."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.letters import AT_MS, a_letter, letter
from worker.dead_letters.position import ReplayPosition, from_copy, from_metadata
from worker.dead_letters.selection import Selection

REASONS = ("no_text", "not_json", "text_too_long")
SELECTIONS = st.builds(
    Selection,
    st.sets(st.sampled_from(REASONS)).map(lambda chosen: tuple(sorted(chosen))),
    st.none() | st.integers(AT_MS, AT_MS + 10),
    st.none() | st.integers(AT_MS, AT_MS + 10),
)
LETTERS = [letter(a_letter(REASONS[offset % 3], offset=offset, at_ms=AT_MS + offset * 7 % 11)) for offset in range(30)]


@given(st.lists(st.tuples(SELECTIONS, st.integers(0, len(LETTERS))), max_size=8))
def test_any_sequence_of_replays_sends_each_selected_dead_letter_once(replays: list[tuple[Selection, int]]) -> None:
    position = ReplayPosition()
    sent: list[int] = []
    wanted: set[int] = set()
    for selection, end in [*replays, (Selection(), len(LETTERS))]:
        selected = {each.record.offset for each in LETTERS[:end] if selection.selects(each)}
        start = position.start(selection)
        for each in LETTERS[start:end]:
            if not position.handled(each) and selection.selects(each):
                sent.append(each.record.offset)
        if end > start:
            position = position.after(selection, end)
        wanted |= selected
        assert set(sent) == wanted
        position = from_metadata(position.offset, position.metadata())
        assert position == from_copy(position.copy())
    assert sorted(sent) == list(range(len(LETTERS)))
    assert position == ReplayPosition(len(LETTERS))


def test_a_replay_of_everything_forgets_the_filters_that_it_has_passed() -> None:
    few = Selection(("no_text",))
    position = ReplayPosition().after(few, 20)
    assert position.metadata()
    assert position.after(Selection(), 10).reached == {few: 20}
    assert position.after(Selection(), 20) == ReplayPosition(20)
    assert ReplayPosition(20).metadata() == ""


def test_the_id_of_the_topic_is_in_the_metadata_and_in_the_second_copy() -> None:
    position = ReplayPosition(topic_id="a-b").after(Selection(("no_text",)), 4)
    for each in (position, position.after(Selection(), 9)):
        assert each.topic_id == "a-b"
        assert from_metadata(each.offset, each.metadata()) == from_copy(each.copy()) == each


def test_an_offset_without_metadata_is_the_position_that_a_tool_has_set() -> None:
    assert from_metadata(7, "") == ReplayPosition(7)


GOOD = json.loads(ReplayPosition(3, {Selection(("no_text",), None, 5): 9}).copy())


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2},
        {"v": None},
        {"topic": None},
        {"replayed": None},
        {"replayed": [[]]},
        {"replayed": [["no_text", None, None, 5]]},
        {"replayed": [[[1], None, None, 5]]},
        {"replayed": [[[], "now", None, 5]]},
        {"replayed": [[[], None, True, 5]]},
        {"replayed": [[[], None, None, -5]]},
        {"replayed": [[[], None, None, None]]},
    ],
    ids=str,
)
def test_metadata_that_no_replay_wrote_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_metadata(3, json.dumps(GOOD | changed))
    with pytest.raises(ValueError, match=r"."):
        from_copy(json.dumps(GOOD | changed).encode())


@pytest.mark.parametrize(
    "text", ["x", "[1]", "[" * 100_000, '{"v":1,"counts":{}}'], ids=["text", "list", "deep", "worker"]
)
def test_text_that_no_replay_wrote_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_metadata(3, text)
    with pytest.raises(ValueError, match=r"."):
        from_copy(text.encode())


@pytest.mark.parametrize("value", [None, b"\xff", json.dumps(GOOD | {"offset": -1}).encode()])
def test_a_second_copy_without_an_offset_is_refused(value: bytes | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_copy(value)
