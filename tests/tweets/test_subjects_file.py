"""The file of tweet topics: what is read, and one line for everything that is wrong."""

from pathlib import Path

import pytest

from tweets.subjects import Subject
from tweets.subjects_file import MAX_FILE_BYTES, SubjectsFileError, parse_subjects, read_subjects


def subjects_of(text: str) -> tuple[Subject, ...]:
    return parse_subjects(text.encode(), "topics.yaml").subjects


def error_of(content: str | bytes) -> str:
    """Return the text of the error, which must be one line."""
    with pytest.raises(SubjectsFileError) as caught:
        parse_subjects(content if isinstance(content, bytes) else content.encode("utf-8"), "topics.yaml")
    text = str(caught.value)
    assert text.isprintable()
    return text.removeprefix("topics.yaml: ")


def named(name: str) -> str:
    return f"{{name: {name}, terms: [word]}}"


def with_terms(terms: str) -> str:
    return f"topics: [{{name: pets, terms: {terms}}}]"


def test_names_and_terms_are_read_in_the_order_of_the_file() -> None:
    text = """
topics:
  - name: pets
    terms: [dog, guinea pig, "#Caturday", "@battersea_", 猫]
  - {name: 2-trains_x, terms: [train]}
"""
    assert subjects_of(text) == (
        Subject("pets", ("dog", "guinea pig", "#Caturday", "@battersea_", "猫")),
        Subject("2-trains_x", ("train",)),
    )
    assert subjects_of("\ufeff" + text) == subjects_of(text)


@pytest.mark.parametrize("text", ["", "# nothing yet", "topics:", "topics: []", "{}"])
def test_an_empty_file_has_no_topics(text: str) -> None:
    assert subjects_of(text) == ()


def test_a_hundred_topics_are_read() -> None:
    text = f"topics: [{', '.join(named(f't{n}') for n in range(100))}]"
    assert len(subjects_of(text)) == 100
    too_many = f"topics: [{', '.join(named(f't{n}') for n in range(101))}]"
    assert error_of(too_many) == "topics has 101 entries; at most 100 are allowed"


@pytest.mark.parametrize("name", ["Brand", "-x", "_x", "a b", "ä", "", "~", "2024", "yes", "a" * 65, "x.y", "a:b"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    text = error_of(f"topics: [{named('ok')}, {{name: {name}, terms: [word]}}]")
    assert text.startswith("topic 2: the name is ")
    assert text.endswith("; a name is text of 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"topics: [{named('a')}, {named('b')}, {named('a')}]",
         "topic 3: the name 'a' is also that of topic 1; use each name once"),
        (with_terms("[dog, '']"),
         "topic 1 (pets), term 2 is '', an empty term; write a word, phrase, hashtag or mention"),
        (with_terms("[' \u200b ']"),
         "topic 1 (pets), term 1 is ' \\u200b ', an empty term; write a word, phrase, hashtag or mention"),
        ("topics:\n  - name: pets\n    terms:\n      - dog\n      - #dog\n",
         "topic 1 (pets), term 2 is empty; write a word, phrase, hashtag or mention; write a hashtag or mention in "
         'quotes, as in "#pets", because # begins a comment in YAML'),
        (with_terms("[2024]"), "topic 1 (pets), term 1 is 2024, which YAML reads as no text; write it in quotes"),
        (with_terms("[no]"), "topic 1 (pets), term 1 is False, which YAML reads as no text; write it in quotes"),
        (with_terms("[Dog, DOG]"), "topic 1 (pets), term 2: 'DOG' equals term 1; use each term once"),
        (with_terms('["#"]'),
         "topic 1 (pets), term 1 is '#'; a hashtag is # with letters, digits and _, a mention is @ with a name"),
        (with_terms('["#dog a"]'),
         "topic 1 (pets), term 1 is '#dog a'; a hashtag is # with letters, digits and _, a mention is @ with a name"),
        (with_terms("[]"), "topic 1 (pets): terms is a list of 0 entries; write a list with at least one term"),
        (with_terms("dog"), "topic 1 (pets): terms is 'dog'; write a list with at least one term"),
        ("topics: [{name: pets}]", "topic 1 (pets): terms is missing or empty; write a list with at least one term"),
        (with_terms(f"[{'a' * 201}]"), "topic 1 (pets), term 1 has 201 characters; at most 200 are allowed"),
        (with_terms('["\\ud800"]'), None),
        (with_terms(str([f"t{n}" for n in range(1001)])), "topic 1 (pets): 1001 terms; at most 1000 are allowed"),
        ("topics: [{name: pets, term: [dog]}]",
         "topic 1 has the unknown key 'term'; allowed: name, terms"),
        ("subjects: []", "the file has the unknown key 'subjects'; allowed: topics"),
        ("topics: [pets]", "topic 1 is 'pets'; write name and terms"),
        ("topics: {pets: [dog]}", "topics is a mapping of 1 entries; write a list of name and terms"),
        ("pets", "is 'pets'; write topics: with a list of name and terms"),
        ("topics: []\ntopics: []", None),
        ("topics: [", None),
        ("topics: [{name: pets, terms: [@bbc]}]", None),
        ("topics: !!python/object/apply:os.system [ls]", None),
        ("? [a]\n: b", None),
        ("[" * 10_000, None),
        ("topics: 2024-99-99", None),
        (b"topics: [\xff]", "is not UTF-8 text; save the file as UTF-8"),
        (b"topics: [\x00]", None),
        (b"#" * (MAX_FILE_BYTES + 1), "is larger than 1048576 bytes; use fewer terms"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_place_value_and_what_is_allowed(
    content: str | bytes, expected: str | None
) -> None:
    text = error_of(content)
    assert expected is None or text == expected


def test_broken_yaml_names_the_line_and_the_usual_cause() -> None:
    text = error_of("topics:\n  - name: news\n    terms: [@bbc]\n")
    assert text.startswith("line 3, column 13: is not YAML (")
    assert text.endswith('; write a hashtag or mention in quotes, as in "#pets", because # begins a comment in YAML')


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "topics.yaml"
    with pytest.raises(SubjectsFileError, match="No such file or directory") as caught:
        read_subjects(missing)
    assert str(caught.value) == f"{missing}: cannot be read (No such file or directory); name a readable file"
    with pytest.raises(SubjectsFileError, match="Is a directory"):
        read_subjects(tmp_path)
