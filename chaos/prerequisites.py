"""What a run needs besides Python packages of the project: named in one line before anything starts."""

import importlib
import os
import shutil
from pathlib import Path
from typing import Final

from chaos.errors import ChaosError

_PACKAGES: Final = ("confluent_kafka", "matplotlib", "psutil")
_PROGRAMS: Final = {"java": "openjdk-17-jre-headless", "redis-server": "redis-server"}


def kafka_home() -> Path:
    """Return the folder of Apache Kafka. Raises ChaosError with one line that names everything that is missing."""
    home = os.environ.get("KAFKA_HOME", "")
    missing = []
    if not home:
        missing.append("set KAFKA_HOME to the folder of Apache Kafka 4 (https://kafka.apache.org/downloads)")
    elif not any(Path(home).glob("libs/kafka*.jar")):
        missing.append(f"KAFKA_HOME={home} has no libs/kafka*.jar: name the folder of Apache Kafka 4")
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            missing.append(f"install {program} (Debian package {package})")
    if any(not _importable(package) for package in _PACKAGES):
        missing.append("run pip install '.[chaos]' in the project's folder")
    if missing:
        raise ChaosError("; ".join(missing))
    return Path(home).resolve()


def _importable(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True
