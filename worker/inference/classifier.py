"""From texts to predictions: normalise, tokenise, run the engine, softmax."""

import importlib
import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tweets.classifications import Classifications
from tweets.emotions import NEUTRAL
from tweets.unfamiliar_tokens import UnfamiliarTokens
from worker.errors import ExitCode, FatalError, described
from worker.inference.model_folder import CONFIG_FILE, ModelFolder, open_model_folder
from worker.inference.repeats import Repeats
from worker.inference.token_batch import TokenBatch
from worker.inference.tokens import TextTokenizer
from worker.process.metrics import Metrics

_NVIDIA_DEVICES = ("/dev/nvidiactl", "/dev/dxg")
"""Device files of the NVIDIA driver, on Linux and in WSL 2."""


class Engine(Protocol):
    """Runs the model; `name` and `device` are for the log and the metrics."""

    name: str
    device: str

    def logits(self, tokens: TokenBatch) -> NDArray[np.float32]:
        """Return logits [texts, outputs], in the order of the texts.

        The outputs are the labels, and neutral last for a model that has it.
        """


class Classifier:
    """A loaded model with its tokenizer. Not thread-safe: only one thread may call a classifier.

    With `neutral_threshold`, a text whose probability of neutral is above the threshold is labelled neutral.
    """

    def __init__(
        self,
        folder: ModelFolder,
        engine: Engine,
        *,
        metrics: Metrics,
        neutral_threshold: float | None = None,
        cache_max_tweets: int = 0,
    ) -> None:
        self._folder = folder
        self._engine = engine
        self._metrics = metrics
        self._neutral_threshold = neutral_threshold
        self._emotions = folder.labels if neutral_threshold is None else (*folder.labels, NEUTRAL)
        self._tokenizer = TextTokenizer(folder)
        self._unfamiliar_tokens = UnfamiliarTokens(self._tokenizer.vocabulary)
        self._repeats = Repeats(cache_max_tweets, metrics)
        self._computed_texts = 0

    @property
    def model_id(self) -> str:
        """The id of the model that labelled tweets carry."""
        return self._folder.model_id

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the model's outputs."""
        return self._folder.labels

    @property
    def emotions(self) -> tuple[str, ...]:
        """Every value that `emotion` of a prediction can have: the labels, then neutral if there is a threshold."""
        return self._emotions

    @property
    def engine(self) -> Engine:
        """The engine that runs the model."""
        return self._engine

    @property
    def computed_texts(self) -> int:
        """How many texts the engine has computed so far, those of failed calls included."""
        return self._computed_texts

    def classify(self, texts: Sequence[str]) -> Classifications:
        """Return the predictions of the texts, in order. Raises FloatingPointError if a logit is not finite."""
        if not texts:
            return Classifications.of(self.labels, np.empty((0, len(self.labels))), None)
        tokens = self._tokenize(texts)
        scores, neutral = self._scores_of(self._repeats.logits(tokens, self._logits))
        unfamiliar = self._unfamiliar_tokens
        return Classifications.of(
            self.labels,
            scores,
            neutral,
            neutral_threshold=self._neutral_threshold,
            unfamiliar_tokens=unfamiliar.shares(tokens.ids, tokens.lengths) if unfamiliar.cuts_words else None,
        )

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the softmax over the labels, [texts, labels]. Raises like `classify`."""
        return self.scores_and_neutral(texts)[0]

    def scores_and_neutral(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return the softmax of the labels' logits / temperature, [texts, labels], and the probability of neutral.

        The probability, [texts], is None for a model without a neutral output. Raises like `classify`.
        """
        return self._scores_of(self._logits(self._tokenize(texts)))

    def probe(self) -> None:
        """Raise FatalError if the golden texts get wrong scores.

        The int8 model computes wrong scores on a processor whose integer instructions saturate.
        """
        golden = self._folder.golden
        scores, neutral = self.scores_and_neutral(golden.texts)
        expected = np.array([[row[label] for label in self.labels] for row in golden.scores])
        differences = [np.abs(scores - expected).max()]
        if neutral is not None and golden.neutral is not None:
            differences.append(np.abs(neutral - np.array(golden.neutral)).max())
        worst = float(np.max(differences))
        if not worst <= golden.tolerance:  # a golden score that is NaN is a difference too
            raise FatalError(
                f"{self.model_id} computes wrong scores on this hardware ({self._engine.name} on "
                f"{self._engine.device}): a score differs by {worst:.3f}, {golden.tolerance:.3f} allowed; "
                "use another DEVICE or machine",
                ExitCode.MODEL,
            )

    def _scores_of(self, logits: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return what `scores_and_neutral` returns, for logits [texts, outputs]."""
        scores = _softmax(logits[:, : len(self.labels)] / self._folder.temperature)
        calibration = self._folder.neutral
        return scores, None if calibration is None else calibration.probabilities(logits)

    def _logits(self, tokens: TokenBatch) -> NDArray[np.float64]:
        """Return the logits of all texts, [texts, outputs], as the engine computes them now."""
        if not tokens.lengths.all():  # of padding alone, a model computes what the neighbours in the pass make of it
            raise ValueError("a text has no token, and the tokenizer adds none")
        self._computed_texts += len(tokens.lengths)
        started = time.perf_counter()
        logits = self._engine.logits(tokens).astype(np.float64)
        self._metrics.stage_seconds.labels("infer").observe(time.perf_counter() - started)
        outputs = len(self.labels) + (self._folder.neutral is not None)
        if logits.shape != (len(tokens.lengths), outputs):
            raise ValueError(f"the model has {logits.shape[1]} outputs; {CONFIG_FILE} names {outputs}")
        if not np.isfinite(logits).all():
            raise FloatingPointError("a logit of the model is not a finite number")
        return logits

    def _tokenize(self, texts: Sequence[str]) -> TokenBatch:
        started = time.perf_counter()
        tokens = self._tokenizer.token_batch(texts)
        self._metrics.stage_seconds.labels("tokenize").observe(time.perf_counter() - started)
        return tokens


def load_classifier(
    path: Path,
    *,
    device: str = "auto",
    max_tokens: int | None = None,
    engine: str | None = None,
    metrics: Metrics | None = None,
    neutral_threshold: float | None = None,
    cache_max_tweets: int = 0,
) -> Classifier:
    """Load a model folder, and check the model on the golden texts, which also warms the model up.

    `device`: auto, cpu or cuda; `max_tokens`: padded tokens in one pass, or None for the number that suits the engine;
    `engine`: onnx, torch, or None for the engine of the device; `neutral_threshold`: the probability of neutral above
    which a text is labelled neutral; `cache_max_tweets`: texts whose scores are remembered. Raises FatalError with one
    line if the folder is not usable, the device is missing, the model computes wrong scores on the device, or the model
    has no neutral output for the threshold.
    """
    folder = open_model_folder(path)
    _check_threshold(folder, neutral_threshold)
    metrics = metrics or Metrics()
    try:
        classifier = Classifier(
            folder,
            _engine(folder, device, engine, max_pass_tokens=max_tokens, metrics=metrics),
            metrics=metrics,
            neutral_threshold=neutral_threshold,
            cache_max_tweets=cache_max_tweets,
        )
        _check_longest_text(folder, classifier.engine)
        classifier.probe()
    except FatalError:
        raise
    except Exception as error:  # the errors of tokenizer and engine for files of different models are not documented
        raise FatalError(f"MODEL_PATH={path}: the model does not work: {described(error)}", ExitCode.MODEL) from error
    return classifier


def _check_threshold(folder: ModelFolder, neutral_threshold: float | None) -> None:
    if neutral_threshold is not None and folder.neutral is None:
        raise FatalError(
            f"NEUTRAL_THRESHOLD={neutral_threshold:g}: the model {folder.model_id} in MODEL_PATH={folder.path} has no "
            "neutral output; unset NEUTRAL_THRESHOLD, or set MODEL_PATH to a model with a neutral output",
            ExitCode.SETTINGS,
        )


def _check_longest_text(folder: ModelFolder, engine: Engine) -> None:
    """Raise FatalError unless the engine computes a text of `max_tokens` tokens; the golden texts are short."""
    try:
        engine.logits(TokenBatch.of([[0] * folder.max_tokens]))
    except Exception as error:  # the engines do not document what they raise for a position that they do not have
        raise FatalError(
            f"MODEL_PATH={folder.path}: the model cannot read max_tokens={folder.max_tokens} tokens "
            f"({described(error)}); export the model again",
            ExitCode.MODEL,
        ) from error


def _engine(
    folder: ModelFolder, device: str, engine: str | None, *, max_pass_tokens: int | None, metrics: Metrics
) -> Engine:
    cuda = device == "cuda" or (device == "auto" and engine != "onnx" and _cuda_available(device))
    if engine == "torch" or cuda:
        for name in ("torch", "transformers"):
            _imported(name, device)
        from worker.inference.engine_torch import TorchEngine

        return TorchEngine(
            folder.path,
            "cuda" if cuda else "cpu",
            max_pass_tokens=max_pass_tokens,
            metrics=metrics,
            with_neutral=folder.neutral is not None,
        )
    from worker.inference.engine_onnx import OnnxEngine

    return OnnxEngine(folder.path, max_pass_tokens=max_pass_tokens, metrics=metrics)


def _imported(name: str, device: str) -> Any:
    """Return a package of the extra gpu. Raises FatalError with one line if the package is missing or broken."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # a library that does not load raises what its initialisation raises
        raise FatalError(
            f"DEVICE={device}: the package {name} cannot be imported ({described(error)}); install the extra gpu, or "
            "use DEVICE=cpu",
            ExitCode.SETTINGS,
        ) from None


def _cuda_available(device: str) -> bool:
    """Return whether torch finds a GPU; torch, slow to import, is only imported if an NVIDIA device file exists."""
    if not any(Path(device).exists() for device in _NVIDIA_DEVICES) or importlib.util.find_spec("torch") is None:
        return False
    return bool(_imported("torch", device).cuda.is_available())


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    powers: NDArray[Any] = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers
