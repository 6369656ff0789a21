"""The manifest of the model that the package contains; `python -m training export` rewrites this file.

A manifest inside a folder shows which files were damaged or exchanged by mistake. A person who can change the files of
a folder can change its manifest too. The digest below is part of the code, outside the folder.
"""

from typing import Final

BUNDLED_MANIFEST_SHA256: Final = "302a3aed1423a248935c2885652960af2b011aaa6b0d966b19f63b349bef64ce"
"""SHA-256 of `worker/model/SHA256SUMS`."""
