"""The training of each entry of a comparison: the same rows, the same budget, the same measurement of speed."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.compare.baseline import TFIDF, fit_baseline
from training.compare.entry import Entry
from training.data.chosen_dataset import chosen_dataset
from training.data.leaks import warn_of_leaks
from training.data.learning_data import LearningData, read_learning_data, require_every_class
from training.data.mapped_split import read_mapped_split, read_other_mapped_split
from training.data.mapping import MappedDataset
from training.data.mixed_data import Overlaps
from training.data.splits import TEST, TRAIN, VALIDATION, Split, read_other_split, require_trainable
from training.learn.base import load_base
from training.learn.fit import Task, fit, seed_everything
from training.learn.imbalance import Imbalance
from training.learn.predict import predict
from training.learn.rates import suited_learning_rate
from training.learn.recipe import NORMALIZER, Recipe
from training.learn.rows import encoder
from training.learn.run_folder import Run
from training.output.progress import say
from training.score.scores import Probabilities, Scores, score, softmax
from tweets.normalizer import NORMALIZERS

_EMA_DECAY = 0.99
"""A shorter running mean of the weights than the bundled model's (0.998): a small budget has few steps."""

Answer = Callable[[Sequence[str]], Probabilities]
"""A function from texts to probabilities, [texts, labels]."""


@dataclass(frozen=True, slots=True)
class Contest:
    """The rows that every entry learns from and is scored on, and the budget of each entry."""

    dataset: str
    data: LearningData
    test: Split | None
    epochs: int
    seed: int
    limit: int | None

    @property
    def scored_split(self) -> Split:
        """The split of the main scores: test if there is one, otherwise validation."""
        return self.test or self.data.validation

    @property
    def shares(self) -> dict[str, float]:
        """Each label's fraction of the training rows, the most frequent label first."""
        counts = Counter(self.data.targets)
        return {self.data.labels[target]: count / counts.total() for target, count in counts.most_common()}

    @property
    def rarest(self) -> str:
        """The label with the fewest training rows."""
        return list(self.shares)[-1]

    def digests(self) -> dict[str, Any]:
        """Return the number of rows and the SHA-256 of each split."""
        splits = (self.data.train, self.data.validation, *([self.test] if self.test else []))
        return {split.name: {"rows": len(split), "sha256": split.sha256()} for split in splits}

    def enter(self, name: str) -> Entry:
        """Train `tfidf`, or a base with the plain recipe. Raises TrainingError if the base cannot be used."""
        return self._baseline() if name == TFIDF else self.fine_tuned(name, Imbalance.NONE, name=name)

    def _baseline(self) -> Entry:
        say(f"{TFIDF}: {self.data.described()}")
        began_s = time.monotonic()
        baseline, validation = fit_baseline(self.data, normalize=NORMALIZERS[NORMALIZER])
        seconds = time.monotonic() - began_s
        test, tweets_per_s = self._tested(baseline.probabilities)
        settings = {"C": baseline.inverse_penalty}
        return Entry(TFIDF, settings, baseline.parameters, seconds, tweets_per_s, validation, test)

    def fine_tuned(self, base_name: str, strategy: Imbalance, *, name: str) -> Entry:
        """Fine-tune a base with the plain recipe and a strategy for class imbalance."""
        seed_everything(self.seed)
        base = load_base(base_name, self.data.labels)
        say(f"{name}: {self.data.described()}" + ("" if strategy is Imbalance.NONE else f", base {base_name}"))
        recipe = self._recipe(suited_learning_rate(base.model), strategy)
        run = fit(self._task(base_name), recipe, self.data, base)
        return self._measured(run, name, {"learning_rate": recipe.learning_rate, "imbalance": strategy})

    def _task(self, base: str) -> Task:
        return Task(
            dataset=self.dataset,
            labels=self.data.labels,
            add=None,
            base=base,
            normalizer=NORMALIZER,
            name=None,
            vocabulary_rows=0,
            limit=self.limit,
        )

    def _recipe(self, learning_rate: float, strategy: Imbalance) -> Recipe:
        return Recipe(
            epochs=self.epochs,
            learning_rate=learning_rate,
            r_drop=0.0,
            ema_decay=_EMA_DECAY,
            shifted=0.0,
            unannounced=0.0,
            imbalance=strategy,
            seed=self.seed,
        )

    def _measured(self, run: Run, name: str, settings: dict[str, Any]) -> Entry:
        logits: Any = run.validation_logits
        probabilities = softmax(logits, temperature=run.temperature)
        validation = score(probabilities, self.data.validation.targets, self.data.labels)
        test, tweets_per_s = self._tested(_answer_of(run))
        parameters = sum(weights.numel() for weights in run.model.parameters())
        seconds = run.record["training_seconds"]
        return Entry(name, settings, parameters, seconds, tweets_per_s, validation, test)

    def _tested(self, answer: Answer) -> tuple[Scores | None, float]:
        """Return the scores on test (None without a split `test`), and the tweets per second."""
        split = self.scored_split
        began_s = time.perf_counter()
        probabilities = answer(split.texts)
        tweets_per_s = len(split) / (time.perf_counter() - began_s)
        scores = score(probabilities, split.targets, self.data.labels) if self.test else None
        return scores, tweets_per_s


def _answer_of(run: Run) -> Answer:
    """Return the forward pass of a run in PyTorch, on the device of the training."""
    model: Any = run.model
    model.to(run.record["device"])
    encode = encoder(run.tokenizer, normalize=NORMALIZERS[run.normalizer], max_tokens=run.max_tokens)
    pad_id = run.model.config.pad_token_id or 0
    return lambda texts: softmax(predict(model, encode(texts), pad_id=pad_id), temperature=run.temperature)


def open_contest(
    dataset: str,
    *,
    epochs: int,
    seed: int,
    limit: int | None,
    labels: Sequence[str] | None = None,
    data: Path | None = None,
    data_root: str = ".",
) -> Contest:
    """Read the splits of a data set, or of one data set in a file that maps labels: its rows with one label.

    `labels` None are the labels of the training split, with a file the six emotions. Training rows of a mapped data set
    with the text of an evaluation row are left out, as `train` leaves them out. Raises TrainingError if the data set or
    the file cannot be used.
    """
    if data is None:
        learning = read_learning_data(dataset, labels, add=None, limit=limit)
        return Contest(dataset, learning, _test_split(dataset, learning), epochs, seed, limit)
    spec = chosen_dataset(data, dataset, root=data_root, labels=labels)
    return Contest(dataset, _mapped_data(spec, limit), _mapped_test(spec), epochs, seed, limit)


def _mapped_data(spec: MappedDataset, limit: int | None) -> LearningData:
    require_trainable(spec.path)
    overlaps = Overlaps((spec,), NORMALIZERS[NORMALIZER])
    train = overlaps.removed_from(read_mapped_split(spec, TRAIN, limit=limit)).one_label()
    require_every_class(train, spec.ours)
    return LearningData(spec.ours, train, None, read_mapped_split(spec, VALIDATION).one_label())


def _mapped_test(spec: MappedDataset) -> Split | None:
    test = read_other_mapped_split(spec, TEST)
    return test.one_label() if test else None


def _test_split(dataset: str, data: LearningData) -> Split | None:
    test = read_other_split(dataset, TEST, data.labels)
    if test is None:
        say(f"data set {dataset!r} has no split {TEST!r}: all scores are on {data.validation.name!r}")
        return None
    warn_of_leaks(data.train.texts, test, where=data.train.name)
    return test
