"""The token ids of ordinary texts are those without any cut; hostile texts are cut before they need memory or time."""

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from tokenizers import Tokenizer

from benchmarks.hostile_texts import hostile_texts
from tweets.datasets import SAMPLE, SAMPLE_DEV, read_rows
from tweets.normalizer import CHARS_PER_TOKEN, NORMALIZERS
from tweets.reasons import BadRecordError
from worker.inference.isolate import classify_each
from worker.inference.model_folder import TOKENIZER_FILE, ModelFolder, open_model_folder
from worker.inference.tokens import CHUNK_CHARS, TextTokenizer
from worker.settings import BUNDLED_MODEL

UNUSUAL = str(Path(__file__).parents[2] / "training" / "data" / "unusual_tweets.jsonl")
UNBOUNDED = 1_000_000_000


@pytest.fixture(scope="module")
def folder() -> ModelFolder:
    return open_model_folder(BUNDLED_MODEL)


def uncut_ids(folder: ModelFolder, texts: Sequence[str]) -> list[list[int]]:
    """Return what the tokenizer gives for the whole of each text."""
    tokenizer = Tokenizer.from_file(str(folder.path / TOKENIZER_FILE))
    tokenizer.no_padding()
    tokenizer.enable_truncation(folder.max_tokens)
    normalize = NORMALIZERS[folder.normalizer]
    return [encoding.ids for encoding in tokenizer.encode_batch([normalize(text, UNBOUNDED) for text in texts])]


def token_ids(tokenizer: TextTokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return the token ids of each text as a list."""
    tokens = tokenizer.token_batch(texts)
    return [ids.tolist() for ids in np.split(tokens.ids, np.cumsum(tokens.lengths)[:-1])]


@pytest.mark.parametrize("rows", [SAMPLE, SAMPLE_DEV, UNUSUAL], ids=["sample", "sample-dev", "unusual"])
def test_the_token_ids_of_tweets_are_those_of_the_whole_text(folder: ModelFolder, rows: str) -> None:
    texts = [row.text for row in read_rows(rows, "test")]
    assert token_ids(TextTokenizer(folder), texts) == uncut_ids(folder, texts)


def test_the_token_ids_of_the_longest_posts_of_ordinary_words_are_those_of_the_whole_text(folder: ModelFolder) -> None:
    rng = random.Random(3)
    tweets = [row.text for row in read_rows(SAMPLE, "test")]
    texts = [" ".join(rng.choices(tweets, k=100))[:10_000] for _ in range(50)]
    ids = token_ids(TextTokenizer(folder), texts)
    assert ids == uncut_ids(folder, texts)
    assert {len(each) for each in ids} == {folder.max_tokens}


def test_every_token_of_the_vocabulary_is_shorter_than_the_characters_that_a_token_may_have(
    folder: ModelFolder,
) -> None:
    assert max(map(len, TextTokenizer(folder).vocabulary)) < CHARS_PER_TOKEN


SENTENCE: Final = "I am so happy"
AWAY: Final = {"mentions": "@abcd " * 700, "links": "http://t.co/a1b2c3 " * 400, "blanks": " " * 4_096}
ENTITIES: Final = {"entities": "&nbsp;" * 900, "numeric entities": "&#32;" * 1_500, "escaped twice": "&amp;nbsp;" * 900}


@pytest.mark.parametrize("before", (AWAY | ENTITIES).values(), ids=AWAY | ENTITIES)
def test_the_ids_behind_what_vanishes_are_those_of_the_sentence(folder: ModelFolder, before: str) -> None:
    tokenizer = TextTokenizer(folder)
    behind, alone = token_ids(tokenizer, [before + SENTENCE, SENTENCE])
    assert behind == alone
    assert token_ids(tokenizer, [SENTENCE + " " + before]) == [alone]


@pytest.mark.parametrize("before", (AWAY | ENTITIES).values(), ids=AWAY | ENTITIES)
def test_the_ids_of_a_model_of_raw_text_are_those_of_the_whole_text(folder: ModelFolder, before: str) -> None:
    raw = replace(folder, normalizer="none")
    texts = [before + SENTENCE, SENTENCE + before, before[:60] + SENTENCE]
    assert token_ids(TextTokenizer(raw), texts) == uncut_ids(raw, texts)


@pytest.mark.parametrize("blank", [" ", "\n", "\u200b", "\u0301"])
def test_a_model_of_raw_text_reads_the_sentence_behind_blanks(folder: ModelFolder, blank: str) -> None:
    raw = TextTokenizer(replace(folder, normalizer="none"))
    behind, alone = token_ids(raw, [blank * 4_096 + SENTENCE, SENTENCE])
    assert behind == alone


class Watched:
    """A tokenizer that notes the characters of each text of each call."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.calls: list[list[int]] = []
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode_batch_fast(self, texts: Sequence[str], add_special_tokens: bool = True) -> Any:
        self.calls.append([len(text) for text in texts])
        return self._tokenizer.encode_batch_fast(texts, add_special_tokens=add_special_tokens)


@pytest.fixture
def watched(folder: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> tuple[TextTokenizer, Watched]:
    seen = Watched(Tokenizer.from_file(str(folder.path / TOKENIZER_FILE)))
    monkeypatch.setattr("worker.inference.tokens.read_tokenizer", lambda _: seen)
    return TextTokenizer(folder), seen


def test_the_tokenizer_gets_no_text_beyond_what_the_model_reads_and_no_call_beyond_the_chunk(
    folder: ModelFolder, watched: tuple[TextTokenizer, Watched]
) -> None:
    tokenizer, seen = watched
    texts = list(hostile_texts().values())
    ids = token_ids(tokenizer, texts)
    most = folder.max_tokens * CHARS_PER_TOKEN
    assert len(ids) == len(texts)
    assert all(0 < len(each) <= folder.max_tokens for each in ids)
    assert max(max(call) for call in seen.calls) <= most
    assert all(sum(call) < CHUNK_CHARS + most for call in seen.calls)


def test_the_tokenizer_gets_each_new_word_once_and_no_text_of_known_words(
    watched: tuple[TextTokenizer, Watched],
) -> None:
    tokenizer, seen = watched
    for _ in range(3):
        tokenizer.token_batch(["So happy, so HAPPY!"] * 512)
    assert seen.calls == [[len("so"), len("happy")]]


PROGRAM: Final = """
import sys
from benchmarks.hostile_texts import hostile_texts
from worker.inference.isolate import classify_each
from worker.inference.model_folder import open_model_folder
from worker.inference.tokens import TextTokenizer
from worker.settings import BUNDLED_MODEL

def peak_mib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM:"))

tokenizer = TextTokenizer(open_model_folder(BUNDLED_MODEL))
texts = [text for text in hostile_texts().values() for _ in range(10)][:512]
tokenizer.token_batch(["warm up"])
before = peak_mib()
tokenizer.token_batch(texts)
print(peak_mib() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="not Linux: the kernel does not name the peak")
def test_a_batch_of_hostile_texts_needs_little_memory_in_the_normaliser_and_the_tokenizer() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60


LIMITED: Final = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (1_200_000_000, 1_200_000_000))
from benchmarks.hostile_texts import hostile_texts
from worker.inference.classifier import load_classifier
from worker.settings import BUNDLED_MODEL, load_settings

settings = load_settings()
hostile = hostile_texts()
texts = [hostile["all emoji"]] * 296 + list(hostile.values()) * 4  # 512
classifier = load_classifier(BUNDLED_MODEL, device="cpu", max_tokens=settings.batch_max_tokens)
print(len(classifier.classify(texts)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="not Linux: the kernel does not enforce the limit")
def test_a_batch_of_hostile_texts_is_labelled_within_little_address_space() -> None:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "2")  # each takes 64 MiB
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], env=os.environ | threads, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "512\n"), done.stderr


class Panic(BaseException):
    """What the tokenizer's library raises where its Rust code panics."""


class PanicsOn:
    """A tokenizer that panics on texts with a word."""

    def __init__(self, tokenizer: Tokenizer, word: str) -> None:
        self._tokenizer = tokenizer
        self._word = word

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode_batch_fast(self, texts: Sequence[str], add_special_tokens: bool = True) -> Any:
        if any(self._word in text for text in texts):
            raise Panic("index out of bounds")
        return self._tokenizer.encode_batch_fast(texts, add_special_tokens=add_special_tokens)


def test_a_panic_of_the_tokenizer_costs_the_text_alone(folder: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    panics = PanicsOn(Tokenizer.from_file(str(folder.path / TOKENIZER_FILE)), "strange")
    monkeypatch.setattr("worker.inference.tokens.read_tokenizer", lambda _: panics)
    tokenizer = TextTokenizer(folder)
    good, bad, also_good = classify_each(
        partial(token_ids, tokenizer), lambda: None, ["so happy", "a strange one", "so sad"]
    )
    assert isinstance(bad, BadRecordError)
    assert bad.reason == "classifier_failed"
    assert [good, also_good] == token_ids(tokenizer, ["so happy", "so sad"])
