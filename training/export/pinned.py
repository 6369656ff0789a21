"""Write the SHA-256 of the bundled model's manifest into the code, when the bundled model itself is exported."""

import re
from pathlib import Path

from training.output.progress import say
from worker.inference import bundled
from worker.inference.manifest import MANIFEST, sha256
from worker.settings import BUNDLED_MODEL


def pin_bundled_model(target: Path) -> None:
    """Rewrite the digest in worker/inference/bundled.py if `target` is the folder of the bundled model."""
    if target.resolve() != BUNDLED_MODEL.resolve():
        return
    file = Path(bundled.__file__)
    text = file.read_text(encoding="utf-8")
    digest = sha256(target / MANIFEST)
    file.write_text(re.sub(r'(?<=BUNDLED_MANIFEST_SHA256: Final = ")[0-9a-f]{64}(?=")', digest, text), encoding="utf-8")
    say(f"{file}: has the SHA-256 of the new manifest; commit it with {target}")
