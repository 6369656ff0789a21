"""Why a worker is not ready: its own state, or a Kafka that does not answer."""

import pytest

from worker import time_limits
from worker.readiness import reason_not_ready

LIMIT_S = time_limits.KAFKA_SILENT.seconds


def reason(*, restored: bool, silent_s: float) -> str | None:
    return reason_not_ready(restored=restored, silent_s=silent_s, servers="a:1,b:2")


def test_a_member_that_has_restored_and_hears_from_kafka_is_ready() -> None:
    assert reason(restored=True, silent_s=0.0) is None
    assert reason(restored=True, silent_s=LIMIT_S) is None


def test_a_worker_that_has_not_restored_is_not_ready() -> None:
    assert "restoring" in (reason(restored=False, silent_s=1.0) or "")


@pytest.mark.parametrize("restored", [True, False])
def test_a_silent_kafka_is_the_reason_whatever_the_worker_has_restored(restored: bool) -> None:
    words = reason(restored=restored, silent_s=LIMIT_S + 12.3)
    assert words == "not ready: no broker of Kafka at a:1,b:2 has answered for 42 s"
