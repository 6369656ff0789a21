"""Tweet topics are found in a text by one definition, and as fast as a stream needs."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweets.subjects import Subject, SubjectMatcher, fold, folded_term


def found(text: str, *terms: str) -> list[str]:
    """Return which of these terms a text contains."""
    names = {f"t{number}": term for number, term in enumerate(terms)}
    matcher = SubjectMatcher(Subject(name, (term,)) for name, term in names.items())
    return [names[name] for name in matcher.find(text)]


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("pets", "My PETS!"),
        ("pets", "pets"),
        ("pets", "I love #pets"),
        ("pets", "thanks @Pets"),
        ("pets", "the pets' food"),
        ("cat", "the cat's food"),
        ("#pets", "so cute #Pets!"),
        ("#Pets", "＃ｐｅｔｓ"),
        ("#pets", "犬#pets"),
        ("@bbc", "hello @BBC, hello"),
        ("@bbc", "見て@bbcの話"),
        ("guinea pig", "a Guinea\n \u3000pig"),
        ("guinea pig", "guinea\u00a0pigs and a guinea pig"),
        ("don't", "I DON’T know"),
        ("it’s", "it's"),
        ("straße", "STRASSE"),
        ("ﬁsh", "fish"),
        ("café", "cafe\u0301"),
        ("football", "foot\u00adball"),
        ("c++", "I write c++."),
        ("5g", "5G!"),
        ("⚽", "goal⚽️⚽️"),
        ("⚽️", "goal ⚽"),
        (":)", "good :) day"),
        ("猫", "子猫です"),
        ("ケース", "iPhoneケース"),
        ("iphone", "私のiPhoneケース"),
        ("iPhoneケース", "新しいiphoneケースです"),
        ("รถไฟ", "ขึ้นรถไฟไปเชียงใหม่"),
        ("हिन्दी", "मैं हिन्दी बोलता हूँ"),
        ("поезд", "ПОЕЗД опоздал"),
    ],
)
def test_a_term_is_found(term: str, text: str) -> None:
    assert found(text, term) == [term]


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("pets", "carpets"),
        ("pets", "petshop pets_ _pets pets2"),
        ("pets", "pet s"),
        ("#pets", "pets"),
        ("#pets", "#petshop"),
        ("#pets", "my#pets"),
        ("#pets", "#pets犬"),
        ("#pets", "# pets"),
        ("@bbc", "bbc"),
        ("@bbc", "@bbcnews"),
        ("@bbc", "me@bbc.example"),
        ("guinea pig", "guinea-pig guineapig guinea pigs"),
        ("cafe", "café"),
        ("cafe", "cafe\u0301"),
        ("हिन", "हिन्दी"),
        ("แม", "แม่"),
        ("поезд", "поезда"),
    ],
)
def test_a_term_is_not_found(term: str, text: str) -> None:
    assert found(text, term) == []


def test_a_text_may_belong_to_several_subjects_in_the_order_of_the_operator() -> None:
    matcher = SubjectMatcher(
        [Subject("trains", ("train", "platform")), Subject("pets", ("dog", "#dogs")), Subject("travel", ("train",))]
    )
    assert matcher.names == ("trains", "pets", "travel")
    assert matcher.find("the dog is on the train to the platform #dogs") == ("trains", "pets", "travel")
    assert matcher.find("nothing of this") == ()


def test_no_subject_finds_nothing() -> None:
    assert SubjectMatcher([]).find("a text") == ()


def test_the_longest_text_takes_no_longer_than_its_length() -> None:
    subjects = [Subject(f"s{n}", ("a a", f"a b{n}", "ああ", f"あい{n}")) for n in range(100)]
    matcher = SubjectMatcher(subjects)
    assert matcher.find(("xa ax " * 1_600 + "あえ" * 200)[:10_000]) == ()


# The slow, plain definition: each place of the text, each rule in words.

_SPACELESS_NAMES = (
    "CJK", "IDEOGRAPHIC", "VERTICAL IDEOGRAPHIC", "HANGZHOU", "MASU", "COMBINING KATAKANA",
    "HIRAGANA", "HENTAIGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR",
)  # fmt: skip


def _mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _word(character: str) -> bool:
    return re.fullmatch(r"\w", character) is not None or _mark(character)


def _spaceless(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_SPACELESS_NAMES)


def _splits_a_word(before: str, after: str) -> bool:
    both = bool(before and after) and _word(before) and _word(after)
    return both and (_mark(after) or not (_spaceless(before) or _spaceless(after)))


def plainly_found(text: str, term: str) -> bool:
    text, term = (re.sub(r"\s+", " ", fold(each)).strip() for each in (text, term))
    for start in range(len(text) - len(term) + 1):
        before = text[start - 1] if start else ""
        after = text[start + len(term)] if start + len(term) < len(text) else ""
        if text[start : start + len(term)] != term:
            continue
        if term[0] in "#@":
            begins = not before or not _word(before) or _spaceless(before)
        else:
            begins = not _splits_a_word(before, term[0])
        ends = not (after and _word(after)) if term[0] == "#" else not _splits_a_word(term[-1], after)
        if begins and ends:
            return True
    return False


ALPHABET = "aAbß_1 \n\u3000#@'’.-⚽\ufe0f\u200d\u0301éﬁ猫あーンกา่ਕ\u0a4dж़가"
TEXTS = st.text(ALPHABET, max_size=12) | st.text(max_size=12)
TERMS = st.text(ALPHABET, min_size=1, max_size=4).filter(lambda term: bool(folded_term(term)))


@given(TEXTS, st.lists(TERMS, min_size=1, max_size=5, unique=True), st.data())
def test_the_matcher_finds_what_the_plain_definition_finds(text: str, terms: list[str], data: st.DataObject) -> None:
    text += data.draw(st.sampled_from([*terms, ""])) + data.draw(TEXTS)
    assert found(text, *terms) == [term for term in terms if plainly_found(text, term)]


@given(st.text() | st.text(ALPHABET))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
