"""What is wrong with a stream: how often, and the first places of each kind."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

EXAMPLES: Final = 5
"""Places of each kind that are kept."""


class Findings:
    """Counts by kind, with examples."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, kind: str, place: str) -> None:
        """Count one more of this kind; `place` names topic[partition]@offset."""
        self.counts[kind] += 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(place)

    def sentence(self, kind: str) -> str | None:
        """Return one sentence about a kind, None if there is nothing of the kind."""
        count = self.counts[kind]
        if not count:
            return None
        places = self._examples[kind]
        more = f" and {count - len(places)} more" if count > len(places) else ""
        return f"{kind.replace('_', ' ')}: {count}, {', '.join(places)}{more}"

    def state(self) -> dict[str, Any]:
        """Return the JSON object that `restored` reads."""
        return {kind: [count, list(self._examples[kind])] for kind, count in self.counts.items() if count}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> "Findings":
        """Return the findings of an earlier `state`."""
        found = cls()
        for kind, (count, examples) in state.items():
            found.counts[kind], found._examples[kind] = count, list(examples)
        return found
