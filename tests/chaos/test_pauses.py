import json

from chaos.stream.pauses import STUCK_S, Pauses


class Stream:
    """Two partitions whose pauses are noted at moments that a test names."""

    def __init__(self) -> None:
        self.pauses = Pauses(2)

    def at(self, now_s: float, *, waiting: str, moved: str = "  ") -> None:
        """Note the moment; an x stands for a partition that waits or has moved."""
        self.pauses.update(waiting=[x == "x" for x in waiting], moved=[x == "x" for x in moved], now_s=now_s)


def test_a_stream_without_input_has_no_pause() -> None:
    stream = Stream()
    for now_s in (0, 100, 200):
        stream.at(now_s, waiting="  ")
    assert (stream.pauses.longest_s, stream.pauses.longest_partition_s, stream.pauses.stuck) == (0, 0, {})


def test_a_pause_begins_when_records_wait_and_ends_with_a_record() -> None:
    stream = Stream()
    stream.at(0, waiting="  ")
    stream.at(10, waiting="x ")
    stream.at(13, waiting="x ", moved="x ")
    stream.at(15, waiting="  ", moved="x ")
    assert (stream.pauses.longest_s, stream.pauses.longest_partition_s) == (3, 3)


def test_a_partition_that_pauses_alone_is_no_pause_of_the_stream() -> None:
    stream = Stream()
    for now_s in range(10):
        stream.at(now_s, waiting="xx", moved="x ")
    assert (stream.pauses.longest_s, stream.pauses.longest_partition_s) == (1, 9)


def test_the_pause_of_the_stream_ends_with_a_record_of_any_partition() -> None:
    stream = Stream()
    stream.at(0, waiting="xx")
    stream.at(5, waiting="xx", moved="x ")
    stream.at(9, waiting="xx", moved=" x")
    assert (stream.pauses.longest_s, stream.pauses.longest_partition_s) == (5, 9)


def test_a_partition_that_waits_for_a_minute_is_stuck() -> None:
    stream = Stream()
    stream.at(0, waiting="xx")
    stream.at(STUCK_S - 1, waiting="xx", moved="x ")
    assert stream.pauses.stuck == {}
    stream.at(STUCK_S, waiting="xx", moved="x ")
    stream.at(STUCK_S + 9, waiting="xx", moved="xx")
    assert stream.pauses.stuck == {1: 0}


def test_a_pause_counts_while_it_lasts() -> None:
    stream = Stream()
    stream.at(0, waiting="x ")
    stream.at(7, waiting="x ")
    assert stream.pauses.longest_s == 7


def test_the_longest_pauses_are_kept_for_the_next_run_and_the_pause_between_is_none() -> None:
    stream = Stream()
    stream.at(0, waiting="x ")
    stream.at(70, waiting="x ")
    resumed = Stream()
    resumed.pauses.restore(json.loads(json.dumps(stream.pauses.state())))
    resumed.at(1_000, waiting="x ")
    resumed.at(1_002, waiting="x ")
    assert (resumed.pauses.longest_s, resumed.pauses.longest_partition_s, resumed.pauses.stuck) == (70, 70, {0: 0})
