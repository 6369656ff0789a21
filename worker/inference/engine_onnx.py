"""The int8 engine for CPUs, on ONNX Runtime."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from worker.errors import ExitCode, FatalError, described
from worker.inference.cpus import usable_cpus
from worker.inference.model_folder import ONNX_FILE
from worker.inference.passes import PaddedPass, padded_passes
from worker.inference.token_batch import TokenBatch
from worker.process.metrics import Metrics

#: Tokens of a pass by default. A larger pass needs more memory and has more padding, and is no faster on a CPU.
PASS_TOKENS: Final = 512
_PASSES_PER_CPU: Final = 4
"""Passes that a small batch is cut into for each CPU: with 4, 32 tweets take 10 % less CPU time than with 1."""


class OnnxEngine:
    """Runs `model.int8.onnx` on all CPUs that this process may use.

    Each pass runs on one thread, and as many passes run at once as there are CPUs. Threads that share one pass would
    wait for each other at the end of each operator.
    """

    name = "onnx-int8"
    device = "cpu"

    def __init__(self, path: Path, *, max_pass_tokens: int | None, metrics: Metrics) -> None:
        self._session = _session(path)
        self._max_pass_tokens = max_pass_tokens or PASS_TOKENS
        self._metrics = metrics
        self._cpus = usable_cpus()
        self._threads = ThreadPoolExecutor(self._cpus, thread_name_prefix="onnx")

    def logits(self, tokens: TokenBatch) -> NDArray[np.float32]:
        """Return logits [texts, outputs], in the order of the texts."""
        passes = list(padded_passes(tokens, self._pass_tokens(tokens)))
        logits = np.concatenate(list(self._threads.map(self._run, passes)))
        for one in passes:
            self._metrics.pass_tokens.labels("real").observe(int(one.attention_mask.sum()))
            self._metrics.pass_tokens.labels("padded").observe(one.input_ids.size)
        result = np.empty_like(logits)
        result[np.concatenate([one.rows for one in passes])] = logits
        return result

    def _pass_tokens(self, tokens: TokenBatch) -> int:
        """Return the limit of a pass: a small batch has smaller passes, so that no CPU waits and padding is less."""
        share = tokens.ids.size // (_PASSES_PER_CPU * self._cpus)
        return min(self._max_pass_tokens, share + int(tokens.lengths.max()))  # the longest text, for rows that remain

    def _run(self, one: PaddedPass) -> NDArray[np.float32]:
        logits: NDArray[np.float32]
        feed = {"input_ids": one.input_ids, "attention_mask": one.attention_mask}
        (logits,) = self._session.run(["logits"], feed)
        return logits


def _session(path: Path) -> Any:
    ort = _onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    # A graph can name further files with weights; the manifest need not list these, so no such file is read.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        return ort.InferenceSession(path / ONNX_FILE, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise FatalError(f"MODEL_PATH={path}: {ONNX_FILE} cannot be loaded: {error}", ExitCode.MODEL) from None


def _onnxruntime() -> Any:
    # Must be set before the import: official builds send usage data and leave files in the temporary folder.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime

        _ = onnxruntime.InferenceSession  # a broken installation can leave an empty folder, which imports
    except Exception as error:  # a library that does not load raises what its initialisation raises
        raise FatalError(
            f"the package onnxruntime cannot be imported ({described(error)}); install it again", ExitCode.SETTINGS
        ) from None
    return onnxruntime
