"""The manifest of the model that the package contains; `python -m training export` rewrites this file.

A manifest inside a folder shows which files were damaged or exchanged by mistake. A person who can change the files of
a folder can change its manifest too. The digest below is part of the code, outside the folder.
"""

from typing import Final

BUNDLED_MANIFEST_SHA256: Final = "76dbd5ae1b06ce498aaafef6d1b8d77d68f36b4b8462c1b8bdd7752056c670b6"
"""SHA-256 of `worker/model/SHA256SUMS`."""
