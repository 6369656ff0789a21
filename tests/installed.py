"""Programs that some tests need and not every machine has."""

import os
import shutil

import pytest


def installed(program: str, *, package: str) -> str:
    """Its path. Skips the test where it is missing, or fails it where KAFKA_HOME is set and nothing may be skipped."""
    path = shutil.which(program)
    if path is None:
        missing = f"{program} is not installed (Debian: apt-get install {package})"
        assert not os.environ.get("KAFKA_HOME"), missing
        pytest.skip(missing)
    return path
