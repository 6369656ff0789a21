"""The manifest of the model that the package contains; `python -m training export` rewrites this file.

A manifest inside a folder shows which files were damaged or exchanged by mistake. A person who can change the files of
a folder can change its manifest too. The digest below is part of the code, outside the folder.
"""

from typing import Final

BUNDLED_MANIFEST_SHA256: Final = "b69fed2b96c95787efbb5f0d32c80a40e818c7a165ce90ed215a07301c7031f7"
"""SHA-256 of `worker/model/SHA256SUMS`."""
