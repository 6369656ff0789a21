"""The int8 engine for CPUs, on ONNX Runtime."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Must be set before the import: official builds send usage data and leave files in the temporary folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

from worker.errors import ExitCode, FatalError
from worker.inference.model_folder import ONNX_FILE


class OnnxEngine:
    """Runs `model.int8.onnx` on all CPU cores available to this process."""

    name = "onnx-int8"
    device = "cpu"

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        # Threads that spin between passes would take CPU time from the Kafka client.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A graph can name further files with weights; the manifest need not list these, so no such file is read.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
        try:
            self._session = ort.InferenceSession(path / ONNX_FILE, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise FatalError(f"MODEL_PATH={path}: {ONNX_FILE} cannot be loaded: {error}", ExitCode.MODEL) from None

    def forward(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return logits [rows, outputs] for token ids and attention mask, both [rows, tokens]."""
        logits: NDArray[np.float32]
        (logits,) = self._session.run(["logits"], {"input_ids": input_ids, "attention_mask": attention_mask})
        return logits
