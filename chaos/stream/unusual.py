"""Records that a worker has to survive: those that are no tweets, and tweets of an unusual form."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

Headers = tuple[tuple[str, bytes | None], ...]

BOMB: Final = "bomb"
"""A large record of zeros: many of them in one compressed batch expand to more than a worker takes."""

BOMB_RECORDS: Final = 80
BOMB_RECORD_BYTES: Final = 1_000_000
"""The records of a bomb have 80 MB together, more than the 64 MiB that a worker expands."""

NULL_KEY: Final = "null_key_and_value"

_HUGE_CHARS: Final = 10_000_000

NO_TWEETS: Final[Mapping[str, Callable[[str], bytes | None]]] = {
    "not_json": lambda name: b"number %b, without JSON" % name.encode(),
    "cut_json": lambda name: b'{"id":"%b","text":"cut he' % name.encode(),
    "not_utf8": lambda name: b'{"id":"%b","text":"caf\xe9"}' % name.encode(),
    "nested_deeply": lambda _: b"[" * 100_000,
    "empty": lambda _: b"",
    "null_value": lambda _: None,
    NULL_KEY: lambda _: None,
    "no_text": lambda name: b'{"id":"%b","message":"under another name"}' % name.encode(),
    "number_as_text": lambda name: b'{"id":"%b","text":%b}' % (name.encode(), b"9" * 1_000),
    "blank_text": lambda name: b'{"id":"%b","text":" \xe2\x80\x8b"}' % name.encode(),
    "not_an_object": lambda name: b'["%b"]' % name.encode(),
    "text_too_long": lambda name: b'{"id":"%b","text":"%b"}' % (name.encode(), b"x" * 10_001),
    "huge": lambda name: b'{"id":"%b","text":"%b"}' % (name.encode(), b"x" * _HUGE_CHARS),
    BOMB: lambda _: bytes(BOMB_RECORD_BYTES),
}
"""Kind → the value of such a record, from the name of the record. Each becomes a dead letter."""


class Form(NamedTuple):
    """How a tweet differs from an ordinary one, beside its own id and text."""

    before: str = ""
    """What the text begins with."""
    ending: bytes = b""
    """What the JSON of the text ends with."""
    ending_read: str = ""
    """The ending as a worker reads it."""
    members: bytes = b""
    """Members of the JSON object before those of the tweet."""
    headers: Headers = ()


USUAL: Final = Form()

UNUSUAL_TWEETS: Final[Mapping[str, Form]] = {
    "nan": Form(members=b'"score":NaN,'),
    "lone_surrogate": Form(ending=rb"\ud83d", ending_read="?"),
    "huge_number": Form(members=b'"likes":%b,' % (b"9" * 5_000)),
    "duplicate_keys": Form(members=b'"text":"the first of two texts",'),
    "null_header": Form(headers=(("nothing", None),)),
    "emoji": Form(before="👩‍👩‍👧 🏳️‍🌈 "),
    "right_to_left": Form(before="\u200fمرحبا بالعالم "),
}
"""Kind → form. Each becomes a labelled tweet."""

_COSTLY: Final = frozenset({"huge", "nested_deeply"})
"""Kinds that are rare, because they cost many times more than others."""

_TIMES_AS_OFTEN: Final = 64

POISON: Final = tuple(kind for kind in (*NO_TWEETS, *UNUSUAL_TWEETS) if kind != BOMB)
"""Every kind that a client can send as a record by itself."""

DRAWN: Final = tuple(kind for kind in POISON for _ in range(1 if kind in _COSTLY else _TIMES_AS_OFTEN))
"""The kinds, each as often as its share of the poison."""
