"""Secrets that a setting `…_FILE` names: the content of the file is the value of the setting without `_FILE`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def with_secrets_from_files(values: dict[str, Any], secrets: Iterable[str]) -> dict[str, Any]:
    """Return the values of the settings with each secret that is in a file.

    Raises ValueError with one line if a secret is given twice, or its file cannot be read.
    """
    for secret in secrets:
        path = values.get(f"{secret}_file")
        if path and values.get(secret):
            raise ValueError(f"{secret.upper()} and {secret.upper()}_FILE are both set: set one of them")
        if path:
            values = values | {secret: _content(secret, path)}
    return values


def _content(secret: str, path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{secret.upper()}_FILE={path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{secret.upper()}_FILE={path}: is not UTF-8 text") from None
