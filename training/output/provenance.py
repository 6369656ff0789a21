"""Record versions, hardware and commit: with arguments and data, what is needed to repeat a run."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

_LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "scikit-learn",
    "onnx",
    "onnxruntime",
    "numpy",
    "scipy",
)
"""The libraries whose version can change weights, graphs or scores."""


def provenance() -> dict[str, Any]:
    """Return versions, hardware and commit, JSON-ready; the commit is None outside a git checkout."""
    return {"versions": _versions(), "hardware": _hardware(), "commit": _commit()}


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _LIBRARIES}}


def _hardware() -> dict[str, Any]:
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {"cpu": _cpu(), "cores": os.cpu_count(), "machine": platform.machine(), "gpus": gpus}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str | None:
    command = ("git", "-C", str(Path(__file__).parent), "rev-parse", "--verify", "--quiet", "HEAD")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None
