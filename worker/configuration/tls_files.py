"""A check of TLS files before any connection: a client reports a wrong file as a broker that does not answer."""

import re
import ssl
from pathlib import Path
from typing import Final

from pydantic import SecretStr

_PEM_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_JAVA_KEYSTORES: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""First bytes of a JKS and of a JCEKS keystore."""
_DER: Final = b"\x30"
"""First byte of DER, the binary form of certificates and keys, and of PKCS #12, the default keystore of Java."""


def check_tls_files(
    prefix: str, *, cafile: Path | None, certfile: Path | None, keyfile: Path | None, key_password: SecretStr | None
) -> None:
    """Raise ValueError if OpenSSL cannot use these files.

    The text names the setting, which is `prefix` with `_CAFILE`, `_CERTFILE`, `_KEYFILE` or `_KEY_PASSWORD`, the file
    and what the file is.
    """
    if cafile is not None:
        _check_certificates(f"{prefix}_CAFILE", cafile)
    if certfile is not None:
        _check_certificates(f"{prefix}_CERTFILE", certfile)
        _check_key(prefix, certfile, keyfile, key_password)
    elif keyfile is not None:
        raise ValueError(f"{prefix}_KEYFILE={keyfile}: is used together with {prefix}_CERTFILE only")


def _check_certificates(setting: str, path: Path) -> None:
    content = _content(setting, path)
    store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        store.load_verify_locations(path)
        found = store.cert_store_stats()["x509"]
    except ssl.SSLError:
        found = 0
    if not found:  # a file of revocation lists alone is loaded without an error
        raise ValueError(f"{setting}={path}: must be a PEM file with a certificate, and {_kind(content)}")


def _check_key(prefix: str, certfile: Path, keyfile: Path | None, key_password: SecretStr | None) -> None:
    setting, path = (f"{prefix}_CERTFILE", certfile) if keyfile is None else (f"{prefix}_KEYFILE", keyfile)
    content = _content(setting, path)
    encrypted = False

    def pass_phrase() -> str:
        nonlocal encrypted
        encrypted = True
        return "" if key_password is None else key_password.get_secret_value()

    try:  # without a function OpenSSL would ask for the pass phrase on the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certfile, keyfile, password=pass_phrase)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None)
        if reason == "KEY_VALUES_MISMATCH":
            problem = f"is not the key of the certificate in {prefix}_CERTFILE={certfile}"
        elif encrypted and key_password is None:
            problem = f"the private key is encrypted: set {prefix}_KEY_PASSWORD or {prefix}_KEY_PASSWORD_FILE"
        elif encrypted:
            problem = f"{prefix}_KEY_PASSWORD is not the pass phrase of this private key"
        elif b"PRIVATE KEY-----" in content:
            problem = f"OpenSSL refuses the private key or its certificate ({reason or 'damaged'})"
        else:
            problem = f"must be a PEM file with a private key, and {_kind(content)}"
        raise ValueError(f"{setting}={path}: {problem}") from None


def _content(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{setting}={path}: cannot be read ({error.strerror})") from None


def _kind(content: bytes) -> str:
    if not content.strip():
        return "is empty"
    if content.startswith(_JAVA_KEYSTORES):
        return "is a Java keystore (JKS)"
    if content.startswith(_DER):
        return "is binary (DER or PKCS #12)"
    block = _PEM_BLOCK.search(content)
    if block is None:
        return "is not PEM text"
    return f"is PEM with a damaged or other content ({block[1].decode().lower()})"
