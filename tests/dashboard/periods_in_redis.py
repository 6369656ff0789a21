"""Minutes, hours and days of made-up tweets in Redis, as workers publish them."""

import random
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tests.dashboard.stand_in import SHARES
from tests.servers import Stack
from tests.stream.verifier import Verifier

NAMES: Final = ("football", "trains", "weather")

MINUTES: Final = 90
HOURS: Final = 180


def fill(stack: Stack, env: Mapping[str, str], *, names: tuple[str, ...] = NAMES) -> None:
    """Write the last minutes and hours of all tweets and of each tweet topic; trains get angrier."""
    verifier, now, source = Verifier(stack, env), int(time.time()), random.Random(11)
    with verifier.redis() as client:
        for name in names:
            client.hset(verifier.redis_key("topics"), name, now - (1800 if name == "weather" else 40 * 86_400))
        for unit, length_s, periods in (("minute", 60, MINUTES), ("hour", 3600, HOURS)):
            for back in range(periods):
                _fill_period(client, verifier, names, (unit, now // length_s - back, back / periods), source)


def _fill_period(
    client: Any, verifier: Verifier, names: tuple[str, ...], period: tuple[str, int, float], source: random.Random
) -> None:
    unit, number, age = period
    everything: Counter[str] = Counter()
    for name in names:
        if name == "weather" and age > 0.3:
            continue
        shares = {label: share * source.uniform(0.6, 1.4) for label, share in SHARES.items()}
        if name == "trains":
            shares["anger"] *= 4 * (1.1 - age)
        counts = {label: round(share * (3 if unit == "minute" else 120)) for label, share in shares.items()}
        everything.update(counts)
        client.hset(verifier.redis_key(f"topic:{name}:{unit}:{number}"), mapping=counts)
    if everything:
        client.hset(verifier.redis_key(f"{unit}:{number}"), mapping=dict(everything))
