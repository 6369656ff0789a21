"""From texts to predictions: normalise, tokenise, cut into passes, run the engine, softmax, put back in order."""

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from tweets.normalizer import NORMALIZERS
from tweets.prediction import Prediction
from worker.errors import ExitCode, FatalError
from worker.inference.model_folder import TOKENIZER_FILE, ModelFolder, open_model_folder
from worker.inference.passes import cut_into_passes
from worker.process.metrics import Metrics

_NVIDIA_DEVICES = ("/dev/nvidiactl", "/dev/dxg")
"""Device files of the NVIDIA driver, on Linux and in WSL 2."""


class Engine(Protocol):
    """Runs the model; `name` and `device` are for the log and the metrics."""

    name: str
    device: str

    def forward(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return logits [rows, labels] for token ids and attention mask, both [rows, tokens]."""


class Classifier:
    """A loaded model with its tokenizer. Not thread-safe: only one thread may call a classifier."""

    def __init__(self, folder: ModelFolder, engine: Engine, *, max_pass_tokens: int, metrics: Metrics) -> None:
        self._folder = folder
        self._engine = engine
        self._max_pass_tokens = max_pass_tokens
        self._metrics = metrics
        self._normalize = NORMALIZERS[folder.normalizer]
        self._tokenizer = Tokenizer.from_file(str(folder.path / TOKENIZER_FILE))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(folder.max_tokens)

    @property
    def model_id(self) -> str:
        """The id of the model that labelled tweets carry."""
        return self._folder.model_id

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the model's outputs."""
        return self._folder.labels

    @property
    def engine(self) -> Engine:
        """The engine that runs the model."""
        return self._engine

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Return a prediction for each text, in order. Raises FloatingPointError if a logit is not finite."""
        if not texts:
            return []
        scores = self.scores(texts)
        best = scores.argmax(axis=1).tolist()
        labels = self.labels
        return [
            Prediction(labels[index], row[index], dict(zip(labels, row, strict=True)))
            for row, index in zip(scores.tolist(), best, strict=True)
        ]

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the softmax of logits / temperature, [texts, labels]. Raises like `classify`."""
        encodings = self._tokenize(texts)
        logits = np.empty((len(texts), len(self.labels)), dtype=np.float64)
        for rows in cut_into_passes([len(encoding) for encoding in encodings], self._max_pass_tokens):
            logits[rows] = self._forward([encodings[row] for row in rows])
        if not np.isfinite(logits).all():
            raise FloatingPointError("a logit of the model is not a finite number")
        return _softmax(logits / self._folder.temperature)

    def probe(self) -> None:
        """Raise FatalError if the golden texts get wrong scores.

        The int8 model computes wrong scores on a processor whose integer instructions saturate.
        """
        golden = self._folder.golden
        scores = self.scores(golden.texts)
        expected = np.array([[row[label] for label in self.labels] for row in golden.scores])
        worst = float(np.abs(scores - expected).max())
        if worst > golden.tolerance:
            raise FatalError(
                f"{self.model_id} computes wrong scores on this hardware ({self._engine.name} on "
                f"{self._engine.device}): a score differs by {worst:.3f}, {golden.tolerance:.3f} allowed; "
                "use another DEVICE or machine",
                ExitCode.MODEL,
            )

    def _tokenize(self, texts: Sequence[str]) -> list[Encoding]:
        started = time.perf_counter()
        encodings = self._tokenizer.encode_batch_fast([self._normalize(text) for text in texts])
        self._metrics.stage_seconds.labels("tokenize").observe(time.perf_counter() - started)
        return encodings

    def _forward(self, encodings: Sequence[Encoding]) -> NDArray[np.float32]:
        """Return the logits of one pass, [rows, labels]."""
        started = time.perf_counter()
        longest = max(len(encoding) for encoding in encodings)
        input_ids = np.zeros((len(encodings), longest), dtype=np.int64)
        attention_mask = np.zeros_like(input_ids)
        for row, encoding in enumerate(encodings):
            input_ids[row, : len(encoding)] = encoding.ids
            attention_mask[row, : len(encoding)] = 1
        logits = self._engine.forward(input_ids, attention_mask)
        self._metrics.stage_seconds.labels("infer").observe(time.perf_counter() - started)
        self._metrics.pass_tokens.labels("real").observe(int(attention_mask.sum()))
        self._metrics.pass_tokens.labels("padded").observe(input_ids.size)
        return logits


def load_classifier(
    path: Path,
    *,
    device: str = "auto",
    max_tokens: int = 512,
    engine: str | None = None,
    metrics: Metrics | None = None,
) -> Classifier:
    """Load a model folder, and check the model on the golden texts, which also warms the model up.

    `device`: auto, cpu or cuda; `max_tokens`: padded tokens in one pass; `engine`: onnx, torch, or None for the engine
    of the device. Raises FatalError with one line if the folder is not usable, the device is missing, or the model
    computes wrong scores on the device.
    """
    folder = open_model_folder(path)
    try:
        classifier = Classifier(
            folder, _engine(folder, device, engine), max_pass_tokens=max_tokens, metrics=metrics or Metrics()
        )
        classifier.probe()
    except FatalError:
        raise
    except Exception as error:  # the errors of tokenizer and engine for files of different models are not documented
        raise FatalError(f"MODEL_PATH={path}: the model does not work: {_one_line(error)}", ExitCode.MODEL) from error
    return classifier


def _engine(folder: ModelFolder, device: str, engine: str | None) -> Engine:
    cuda = device == "cuda" or (device == "auto" and engine != "onnx" and _cuda_available())
    if engine == "torch" or cuda:
        if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
            raise FatalError(f"DEVICE={device}: needs torch and transformers; install the extra gpu", ExitCode.SETTINGS)
        from worker.inference.engine_torch import TorchEngine

        return TorchEngine(folder.path, "cuda" if cuda else "cpu")
    from worker.inference.engine_onnx import OnnxEngine

    return OnnxEngine(folder.path)


def _cuda_available() -> bool:
    """Return whether torch finds a GPU; torch, slow to import, is only imported if an NVIDIA device file exists."""
    if not any(Path(device).exists() for device in _NVIDIA_DEVICES) or importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    powers: NDArray[Any] = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers
