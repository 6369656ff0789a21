"""What a replay does with each dead letter."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from worker.dead_letters.letter import Letter
from worker.dead_letters.position import ReplayPosition
from worker.dead_letters.selection import Selection


class Decision(StrEnum):
    """What becomes of a dead letter; the values are the keys in the JSON object of a replay."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Make a member of a key and the words of the report."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    SENT = "sent", "sent"
    TRUNCATED = "truncated", "refused: truncated, the rest of the value is lost"
    UNREADABLE = "unreadable", "refused: unreadable, the dead letter has no value"
    FOREIGN = "no_dead_letter", "refused: no worker wrote this record"
    OTHER_TOPIC = "other_topic", "refused: of another input topic"
    NO_PARTITION = "no_partition", "refused: the input topic has no such partition"
    REFUSED = "refused_by_kafka", "refused by Kafka, see the log lines"
    LEFT = "left", "left for the next replay: behind one that the input topic does not take"
    ROUNDS = "max_rounds", "skipped: replayed --max-rounds times"
    REPLAYED = "replayed_before", "skipped: an earlier replay has handled it"
    NOT_SELECTED = "not_selected", "not selected by the filters"

    @property
    def is_curable(self) -> bool:
        """Whether another configuration of the input topic changes the decision."""
        return self in (Decision.NO_PARTITION, Decision.REFUSED)


@dataclass(frozen=True, slots=True)
class Rules:
    """The selection of a replay, and where originals may go."""

    topic: str
    partitions: int
    max_rounds: int
    selection: Selection

    def decision(self, letter: Letter, position: ReplayPosition) -> Decision:
        """Return what becomes of a dead letter at or after the start of the replay."""
        if position.handled(letter):
            return Decision.REPLAYED
        if not self.selection.selects(letter):
            return Decision.NOT_SELECTED
        refusal = self._refusal(letter)
        if refusal is not None:
            return refusal
        return Decision.ROUNDS if letter.rounds >= self.max_rounds else Decision.SENT

    def _refusal(self, letter: Letter) -> Decision | None:
        number = letter.record.partition.number
        refusals: Mapping[Decision, bool] = {
            Decision.FOREIGN: letter.source is None,
            Decision.OTHER_TOPIC: letter.source is not None and letter.source.topic != self.topic,
            Decision.UNREADABLE: letter.reason == "unreadable",
            Decision.TRUNCATED: letter.truncated,
            Decision.NO_PARTITION: number >= self.partitions,
        }
        return next((decision for decision, applies in refusals.items() if applies), None)
