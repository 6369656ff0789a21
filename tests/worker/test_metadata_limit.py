"""Offset metadata that would not fit: refused with one line when the worker reads it, never at a commit."""

import re
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import errors

from tests.records import PARTITION
from tweets.emotions import EMOTIONS
from tweets.records import Partition
from worker.counts import OFFSET_METADATA_MAX_BYTES, CommittedCounts, MetadataLimit, RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.errors import translated
from worker.settings import Settings

LIMIT: Final = MetadataLimit(EMOTIONS)
FULL: Final = 4_089


def foreign_counts(size: int) -> RunningCounts:
    """Return counts of labels that no present model has, whose metadata has this many bytes."""
    names = [f"old-label-{number:03}" for number in range(200)]
    counts = RunningCounts({names[0]: 1})
    for name in names[1:]:
        larger = RunningCounts({**counts.totals, name: 1})
        if len(larger.to_metadata()) + 20 > size:
            break
        counts = larger
    missing = size - len(counts.to_metadata()) - len(',"":1')
    counts = RunningCounts({**counts.totals, "x" * missing: 1})
    assert len(counts.to_metadata()) == size
    return counts


def restored(counts: RunningCounts) -> dict[Partition, CommittedCounts]:
    return {PARTITION: CommittedCounts(5, 120, counts)}


def test_4089_bytes_of_an_earlier_models_labels_are_fatal_and_named_at_the_restore() -> None:
    with pytest.raises(FatalError) as caught:
        LIMIT.check(restored(foreign_counts(FULL)))
    line = str(caught.value)
    assert caught.value.exit_code is ExitCode.STATE
    assert line.startswith(f"{PARTITION}@120: ")
    assert "old-label-000" in line
    assert re.search(r"and \d+ more\)", line)
    assert "KAFKA_OFFSET_METADATA_MAX_BYTES=4096" in line
    assert "offset.metadata.max.bytes" in line
    assert "\n" not in line
    assert len(line) < 800


def test_the_named_size_is_enough() -> None:
    counts = foreign_counts(FULL)
    with pytest.raises(FatalError) as caught:
        LIMIT.check(restored(counts))
    (needed,) = re.findall(r"to (\d+) or more", str(caught.value))
    MetadataLimit(EMOTIONS, int(needed)).check(restored(counts))
    with pytest.raises(FatalError):
        MetadataLimit(EMOTIONS, int(needed) - 1).check(restored(counts))


@pytest.mark.parametrize("label", ["two\nlines", "\u2028", "é" * 600, "x" * 3_900])
def test_whatever_the_labels_are_the_refusal_is_one_short_line(label: str) -> None:
    with pytest.raises(FatalError) as caught:
        MetadataLimit(EMOTIONS, LIMIT.bytes_needed()).check(restored(RunningCounts({label: 1})))
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 800


_FOREIGN = st.dictionaries(st.text(min_size=1, max_size=40), st.integers(0, 2**63), max_size=60)


@given(_FOREIGN, st.lists(st.sampled_from(EMOTIONS), max_size=50))
def test_counts_that_pass_never_outgrow_the_limit(foreign: dict[str, int], labelled: list[str]) -> None:
    counts = RunningCounts(foreign)
    needed = LIMIT.bytes_needed(counts)
    grown = counts.plus(labelled)
    assert len(grown.to_metadata()) <= needed
    grown = RunningCounts({**grown.totals, **dict.fromkeys(EMOTIONS, 2**63)})
    assert len(grown.to_metadata()) <= needed


def test_counts_of_an_earlier_model_that_fit_are_kept() -> None:
    LIMIT.check(restored(RunningCounts({"surprise": 2**63, "joy": 3})))
    LIMIT.check(restored(foreign_counts(3_000)))


def test_counts_under_the_present_labels_alone_always_pass() -> None:
    LIMIT.check(restored(RunningCounts(dict.fromkeys(EMOTIONS, 2**63))))
    MetadataLimit(EMOTIONS, LIMIT.bytes_needed()).check(restored(RunningCounts()))


def test_metadata_of_another_program_holds_no_counts_whatever_its_size() -> None:
    assert RunningCounts.from_metadata("x" * OFFSET_METADATA_MAX_BYTES) is None
    LIMIT.check(restored(RunningCounts()))


@pytest.mark.parametrize(
    "error",
    [
        errors.OffsetMetadataTooLargeError(),
        errors.KafkaError(f"Unexpected error in TxnOffsetCommitResponse: {errors.OffsetMetadataTooLargeError()}"),
    ],
    ids=["itself", "in the text"],
)
def test_a_broker_with_a_smaller_limit_is_fatal_and_its_setting_is_named(error: errors.KafkaError) -> None:
    found = translated(error, "kafka:9092")
    assert isinstance(found, FatalError)
    assert found.exit_code is ExitCode.STATE
    assert "offset.metadata.max.bytes" in str(found)


def test_other_refusals_of_an_offset_commit_stay_transient() -> None:
    error = errors.KafkaError("Unexpected error in TxnOffsetCommitResponse: [Error 53]")
    assert isinstance(translated(error, "kafka:9092"), TransientError)


def test_the_limit_is_a_setting_with_kafkas_default() -> None:
    assert Settings(_env_file=None).kafka_offset_metadata_max_bytes == OFFSET_METADATA_MAX_BYTES
    assert Settings(_env_file=None, kafka_offset_metadata_max_bytes=8192).kafka_offset_metadata_max_bytes == 8192
