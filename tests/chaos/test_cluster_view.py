"""How Kafka chooses the coordinator of a transaction."""

import pytest

from chaos.servers.cluster_view import java_hash


@pytest.mark.parametrize(
    ("text", "code"),
    [("", 0), ("a", 97), ("ä", 228), ("hello", 99162322), ("polygenelubricants", -(2**31)), ("emotion-worker-0", None)],
)
def test_the_hash_of_a_text_is_the_one_of_java(text: str, code: int | None) -> None:
    expected = code if code is not None else _by_definition(text)
    assert java_hash(text) == expected


def _by_definition(text: str) -> int:
    """Return s[0] * 31^(n-1) + … + s[n-1] in 32 bits with a sign."""
    total: int = sum(ord(each) * 31 ** (len(text) - 1 - index) for index, each in enumerate(text))
    return (total + 2**31) % 2**32 - 2**31
