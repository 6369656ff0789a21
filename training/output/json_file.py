"""Write JSON files: the same format in every command."""

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Write the value as indented JSON in UTF-8, with a line break at the end; a crash leaves the earlier file."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)
