"""Read the file in which an operator names tweet topics.

```yaml
topics:
  - name: pets
    terms: [dog, puppy, guinea pig, "#caturday", "@battersea_", 猫]
  - name: trains
    terms:
      - train
      - platform
```
"""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from tweets.subjects import SUBJECT_NAME, Subject, SubjectMatcher, folded_term, is_word_character

MAX_SUBJECTS: Final = 100
MAX_TERMS: Final = 1_000
"""Terms of one subject."""
MAX_TERM_CHARS: Final = 200
MAX_FILE_BYTES: Final = 1_048_576

_NAME_RULE: Final = "1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit"
_IN_QUOTES: Final = 'write a hashtag or mention in quotes, as in "#pets", because # begins a comment in YAML'


class SubjectsFileError(ValueError):
    """The file cannot be used; the text is one line with the file, the place, the value and what is allowed."""


def read_subjects(path: Path) -> SubjectMatcher:
    """Return the matcher of a file; an empty file has no subjects. Raises SubjectsFileError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SubjectsFileError(f"{path}: cannot be read ({error.strerror}); name a readable file") from None
    return parse_subjects(content, str(path))


def parse_subjects(content: bytes, where: str) -> SubjectMatcher:
    """Return the matcher of the content of a file; `where` begins the text of a SubjectsFileError."""
    try:
        return SubjectMatcher(_subjects(_parsed(content)))
    except _WrongError as error:
        raise SubjectsFileError(f"{where}: {error}") from None


class _WrongError(Exception):
    """The text is the place, the value and what is allowed."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader, which by itself keeps the last of two equal keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping of a node. Raises YAMLError for a key that is there twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key.value, str) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"found the key {key.value!r:.60} twice", key.start_mark
                )
            seen.update([key.value] if isinstance(key.value, str) else ())
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def _parsed(content: bytes) -> object:
    if len(content) > MAX_FILE_BYTES:
        raise _WrongError(f"is larger than {MAX_FILE_BYTES} bytes; use fewer terms")
    try:
        return yaml.load(content.decode("utf-8-sig"), _Loader)  # noqa: S506 - a safe loader, as its base is
    except UnicodeDecodeError:
        raise _WrongError("is not UTF-8 text; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise _WrongError(f"{place}is not YAML ({_one_line(error.problem)}); {_IN_QUOTES}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # PyYAML converts dates, and recurses
        raise _WrongError(f"is not YAML ({_one_line(error) or type(error).__name__}); correct the file") from None


def _subjects(parsed: object) -> list[Subject]:
    if parsed is None:
        return []
    if not isinstance(parsed, Mapping):
        raise _WrongError(f"is {_shown(parsed)}; write topics: with a list of name and terms")
    _check_keys(parsed, ("topics",), "the file")
    entries = [] if parsed.get("topics") is None else parsed["topics"]
    if not isinstance(entries, list):
        raise _WrongError(f"topics is {_shown(entries)}; write a list of name and terms")
    if len(entries) > MAX_SUBJECTS:
        raise _WrongError(f"topics has {len(entries)} entries; at most {MAX_SUBJECTS} are allowed")
    subjects: list[Subject] = []
    numbers: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        subject = _subject(entry, f"topic {number}")
        if subject.name in numbers:
            raise _WrongError(
                f"topic {number}: the name {subject.name!r} is also that of topic {numbers[subject.name]}; use each "
                "name once"
            )
        numbers[subject.name] = number
        subjects.append(subject)
    return subjects


def _subject(entry: object, place: str) -> Subject:
    if not isinstance(entry, Mapping):
        raise _WrongError(f"{place} is {_shown(entry)}; write name and terms")
    _check_keys(entry, ("name", "terms"), place)
    name, terms = entry.get("name"), entry.get("terms")
    if not isinstance(name, str) or not SUBJECT_NAME.fullmatch(name):
        raise _WrongError(f"{place}: the name is {_shown(name)}; a name is text of {_NAME_RULE}")
    place = f"{place} ({name})"
    if not isinstance(terms, list) or not terms:
        raise _WrongError(f"{place}: terms is {_shown(terms)}; write a list with at least one term")
    if len(terms) > MAX_TERMS:
        raise _WrongError(f"{place}: {len(terms)} terms; at most {MAX_TERMS} are allowed")
    numbers: dict[str, int] = {}
    for number, term in enumerate(terms, 1):
        folded = _checked_term(term, f"{place}, term {number}")
        if folded in numbers:
            raise _WrongError(
                f"{place}, term {number}: {_shown(term)} equals term {numbers[folded]}; use each term once"
            )
        numbers[folded] = number
    return Subject(name, tuple(terms))


def _checked_term(term: object, place: str) -> str:
    """Return the folded term."""
    if term is None:
        raise _WrongError(f"{place} is empty; write a word, phrase, hashtag or mention; {_IN_QUOTES}")
    if not isinstance(term, str):
        raise _WrongError(f"{place} is {_shown(term)}, which YAML reads as no text; write it in quotes")
    if len(term) > MAX_TERM_CHARS:
        raise _WrongError(f"{place} has {len(term)} characters; at most {MAX_TERM_CHARS} are allowed")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in term):
        raise _WrongError(f"{place} is {_shown(term)}, which has half a surrogate pair; write the character itself")
    folded = folded_term(term)
    if not folded:
        raise _WrongError(f"{place} is {_shown(term)}, an empty term; write a word, phrase, hashtag or mention")
    if folded[0] in "#@" and (len(folded) == 1 or " " in folded or (folded[0] == "#" and not _is_one_word(folded[1:]))):
        raise _WrongError(
            f"{place} is {_shown(term)}; a hashtag is # with letters, digits and _, a mention is @ with a name"
        )
    return folded


def _is_one_word(text: str) -> bool:
    return all(is_word_character(character) for character in text)


def _check_keys(mapping: Mapping[Any, Any], allowed: tuple[str, ...], place: str) -> None:
    unknown = [key for key in mapping if key not in allowed]
    if unknown:
        raise _WrongError(f"{place} has the unknown key {unknown[0]!r:.60}; allowed: {', '.join(allowed)}")


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return f"a {'mapping' if isinstance(value, Mapping) else 'list'} of {len(value)} entries"
    text = "missing or empty" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]
