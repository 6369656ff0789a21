"""What the commands print: counts for people and programs, originals without control characters."""

import io
import json
from collections import Counter

from tests.records import a_record
from tests.worker.letters import AT_MS, DEAD, a_letter, buried, letter
from tweets.records import Partition, Record
from worker.dead_letters.forms import write_counts, write_letters, write_replay
from worker.dead_letters.letter import Letter
from worker.dead_letters.letter_counts import LetterCounts
from worker.dead_letters.rules import Decision

HOUR_MS = 3_600_000


def counts_of(*records: Record) -> LetterCounts:
    counts = LetterCounts()
    for record in records:
        counts.add(letter(record))
    return counts


def listed(counts: LetterCounts, *, as_json: bool = False) -> str:
    to = io.StringIO()
    write_counts(counts, DEAD, to, as_json=as_json)
    return to.getvalue()


def shown(found: Letter, *, as_json: bool = False) -> str:
    to = io.StringIO()
    write_letters([found], to, as_json=as_json)
    return to.getvalue()


SOME = counts_of(
    a_letter("no_text", offset=0),
    a_letter("not_json", offset=1, at_ms=AT_MS + HOUR_MS),
    a_letter("not_json", partition=11, at_ms=AT_MS + 1),
    a_letter("not_json", partition=2, at_ms=-1),
)


def test_the_counts_are_by_reason_partition_and_time() -> None:
    fields = json.loads(listed(SOME, as_json=True))
    first, last = "2023-11-14T22:13:20.000Z", "2023-11-14T23:13:20.000Z"
    assert fields == {
        "topic": DEAD,
        "letters": 4,
        "first": first,
        "last": last,
        "by_reason": {
            "not_json": {"letters": 3, "first": "2023-11-14T22:13:20.001Z", "last": last},
            "no_text": {"letters": 1, "first": first, "last": first},
        },
        "by_partition": {
            "0": {"letters": 2, "first": first, "last": last},
            "2": {"letters": 1},
            "11": {"letters": 1, "first": "2023-11-14T22:13:20.001Z", "last": "2023-11-14T22:13:20.001Z"},
        },
        "step": "hour",
        "by_time": {"2023-11-14T22:00:00Z": 2, "2023-11-14T23:00:00Z": 1},
    }
    assert list(fields["by_reason"]) == ["not_json", "no_text"]


def test_many_hours_are_counted_by_day() -> None:
    counts = counts_of(*(a_letter(offset=n, at_ms=AT_MS + n * HOUR_MS) for n in range(49)))
    assert counts.step == "day"
    assert counts.by_time() == {"2023-11-14T00:00:00Z": 2, "2023-11-15T00:00:00Z": 24, "2023-11-16T00:00:00Z": 23}


def test_the_counts_for_people_are_the_same_numbers() -> None:
    lines = [line.split() for line in listed(SOME).splitlines()]
    assert lines[0] == ["4", "dead", "letters", "on", DEAD]
    assert ["not_json", "3", "2023-11-14T22:13:20.001Z", "2023-11-14T23:13:20.000Z"] in lines
    assert ["11", "1", "2023-11-14T22:13:20.001Z", "2023-11-14T22:13:20.001Z"] in lines
    assert ["2", "1"] in lines
    assert ["2023-11-14T22:00:00Z", "2"] in lines


def test_an_empty_topic_is_one_line_or_one_object() -> None:
    assert listed(LetterCounts()) == f"0 dead letters on {DEAD}\n"
    assert json.loads(listed(LetterCounts(), as_json=True))["letters"] == 0


def test_a_dead_letter_for_people_has_place_reason_input_and_original() -> None:
    record = buried(a_record(b'{"txt":"so sad"}', headers=[("trace", b"a1")]), "no_text", offset=9)
    assert shown(letter(record)) == (
        f"{DEAD}[3]@9  2023-11-14T22:13:20.000Z  no_text: because\n"
        "  input    tweets[3]@7\n"
        "  key      k\n"
        "  header   trace: a1\n"
        '  value    {"txt":"so sad"}\n\n'
    )


def test_a_tweet_cannot_change_the_terminal_and_a_long_one_is_cut() -> None:
    text = shown(letter(buried(a_record(b"\x1b[2J\r\n\xff\xe2\x80\xae" + b"x" * 2_000, key=None))))
    assert all(char.isprintable() for char in text.replace("\n", ""))
    assert "\\x1b[2J\\r\\n\\xff\\u202e" in text
    assert "  key      none\n" in text
    assert text.endswith("x… (2,010 bytes)\n\n")
    assert "x" * 1_001 not in text


def test_json_has_everything_and_base64_where_bytes_are_not_utf8() -> None:
    record = buried(
        a_record(b"\xff", key=None, headers=[("bin", b"\xfe"), ("text", "ä".encode())]), "not_utf8", offset=9
    )
    fields = json.loads(shown(letter(record), as_json=True))
    headers = fields.pop("headers")
    assert fields == {
        "topic": DEAD,
        "partition": 3,
        "offset": 9,
        "timestamp": "2023-11-14T22:13:20.000Z",
        "reason": "not_utf8",
        "message": "not_utf8: because",
        "truncated": False,
        "rounds": 0,
        "input": {"topic": "tweets", "partition": 3, "offset": 7},
        "key": None,
        "value_base64": "/w==",
    }
    assert headers[:2] == [{"name": "bin", "content_base64": "/g=="}, {"name": "text", "content": "ä"}]
    assert len(headers) == len(record.headers)


def test_a_record_that_no_worker_wrote_is_shown_too() -> None:
    foreign = letter(Record(Partition(DEAD, 0), 3, -1, None, None, ()))
    assert shown(foreign) == f"{DEAD}[0]@3  no message\n  key      none\n  value    none\n\n"
    fields = json.loads(shown(foreign, as_json=True))
    assert fields["timestamp"] is None
    assert "input" not in fields


def replayed(counts: Counter[Decision], *, dry_run: bool, complete: bool = True, as_json: bool = False) -> str:
    to = io.StringIO()
    write_replay(counts, (DEAD, "tweets"), to, dry_run=dry_run, complete=complete, as_json=as_json)
    return to.getvalue()


def test_a_dry_run_says_what_would_be_sent_and_how_to_send() -> None:
    text = replayed(Counter({Decision.SENT: 9_950, Decision.TRUNCATED: 50}), dry_run=True)
    assert text == (
        f"    10,000 dead letters read from {DEAD}\n"
        "     9,950 would be sent to tweets\n"
        "        50 refused: truncated, the rest of the value is lost\n"
        "dry run: nothing was sent; give --yes to send\n"
    )
    assert "dry run" not in replayed(Counter(), dry_run=False)
    assert "not complete" not in text


def test_a_replay_that_ended_early_says_so_and_how_to_continue() -> None:
    counts = Counter({Decision.SENT: 3})
    assert "not complete: the same command" in replayed(counts, dry_run=False, complete=False)
    assert json.loads(replayed(counts, dry_run=False, complete=False, as_json=True))["complete"] is False


def test_the_object_of_a_replay_has_a_number_for_each_decision() -> None:
    fields = json.loads(replayed(Counter({Decision.SENT: 2, Decision.ROUNDS: 1}), dry_run=False, as_json=True))
    assert fields == {
        "dry_run": False,
        "complete": True,
        "from": DEAD,
        "to": "tweets",
        "letters": 3,
        **dict.fromkeys(map(str, Decision), 0),
        "sent": 2,
        "max_rounds": 1,
    }
