"""A certificate authority of the tests, made with the command openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NEW_KEY: Final = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Certified:
    """A private key, and its certificate."""

    certificate: Path
    key: Path

    def encrypted_key(self, pass_phrase: str) -> Path:
        """Return a copy of the key, encrypted with a pass phrase."""
        path = self.key.with_suffix(".encrypted")
        convert = ["pkcs8", "-topk8", "-in", self.key, "-out", path, "-passout", f"pass:{pass_phrase}"]
        openssl(self.key.parent, *convert)
        return path


class Authority:
    """An authority whose certificate is the file `certificate`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "authority.pem"
        subject = ["-subj", "/CN=authority", "-keyout", "authority.key", "-out", self.certificate]
        openssl(folder, *_NEW_KEY, "-x509", "-days", "2", *subject)

    def certify(self, name: str) -> Certified:
        """Make a key and a certificate of the host or the client `name`."""
        made = Certified(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, names = self._folder / f"{name}.csr", self._folder / f"{name}.names"
        openssl(self._folder, *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
        names.write_text(f"subjectAltName=DNS:{name}\n")
        signed_by = ["-CA", self.certificate, "-CAkey", "authority.key", "-CAcreateserial"]
        made_of = ["-in", request, "-extfile", names, "-out", made.certificate]
        openssl(self._folder, "x509", "-req", "-days", "2", *made_of, *signed_by)
        return made


def openssl(folder: Path, *arguments: object) -> None:
    """Run openssl in a folder; fail if openssl does."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
