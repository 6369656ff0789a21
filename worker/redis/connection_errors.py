"""Why a connection to Redis failed, in one sentence: certificate, name, refusal, time-out."""

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import redis

from worker.configuration.redis_address import RedisAddress

_PLACE: Final = re.compile(r"(?:connecting to|reading from) (\S+:[0-9]+|/\S+?)[.:]?(?: |$)")
"""Where redis-py names host and port, or the path of a socket, in the text of an error."""

_WRONG_NAME: Final = (62, 64)
"""OpenSSL's codes X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""

_UNKNOWN_AUTHORITY: Final = (18, 19, 20, 21)
"""OpenSSL's codes for a certificate whose authority is not known: self-signed, or without its issuer."""

_ASKS_FOR_CERTIFICATE: Final = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")
_REFUSES_CERTIFICATE: Final = re.compile(r"ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|DECRYPT_ERROR)")
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH")
_NOT_IN_TLS: Final = "the server does not answer in TLS; write its port of TLS in REDIS_URL, or redis instead of rediss"


def failure(error: BaseException, address: RedisAddress, *, certificate: bool) -> str:
    """Return why the connection failed and what to do; `certificate`: a client certificate is set.

    The text of a connection error may contain the URL with its password, so only host and port are taken from the text.
    """
    causes = list(_causes(error))
    named = next((found[1] for each in causes if (found := _PLACE.search(str(each)))), None)
    why = next((known for each in reversed(causes) if (known := _why(each, certificate=certificate))), None)
    return f"{named or _only_place(address)}: {why or _closed(tls=address.tls, certificate=certificate)}"


def _only_place(address: RedisAddress) -> str:
    """Return the place for errors that name none."""
    if len(address.nodes) != 1:
        return "a server in REDIS_URL"
    ((host, port),) = address.nodes
    return f"{host}:{port}"


def _why(error: BaseException, *, certificate: bool) -> str | None:
    """Return what an error of the system means; None for other errors, and where the server closed the connection."""
    why = None
    match error:
        case ssl.SSLCertVerificationError():
            why = _certificate(error)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionResetError() | BrokenPipeError():
            why = None
        case ssl.SSLError():
            why = _tls(error, certificate=certificate)
        case socket.gaierror():
            why = f"the host name cannot be resolved ({error.strerror}); check the name in REDIS_URL"
        case ConnectionRefusedError():
            why = "connection refused; start Redis, or correct host and port in REDIS_URL"
        case TimeoutError() if "handshake" in str(error):
            why = _NOT_IN_TLS
        case TimeoutError() | redis.TimeoutError():
            why = "no answer in time; check host and port in REDIS_URL, the network and firewalls"
        case OSError():
            why = f"{error.strerror or type(error).__name__}; check REDIS_URL"
    return why


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and the errors behind it, each once: errors may name each other as their cause."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    why = error.verify_message.rstrip(".")
    if error.verify_code in _WRONG_NAME:
        return f"the certificate is of another host ({why}); write a name of the certificate in REDIS_URL"
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return f"the authority of the certificate is not known ({why}); set REDIS_SSL_CAFILE to its certificate"
    return f"the certificate of the server is not valid ({why})"


def _tls(error: ssl.SSLError, *, certificate: bool) -> str:
    reason = error.reason or str(error.args[-1])
    if any(each in reason for each in _ASKS_FOR_CERTIFICATE) and not certificate:
        return "the server requires a client certificate; set REDIS_SSL_CERTFILE and REDIS_SSL_KEYFILE"
    if _REFUSES_CERTIFICATE.search(reason):
        return f"the server refuses the client certificate in REDIS_SSL_CERTFILE ({_words(reason)})"
    if any(each in reason for each in _NO_TLS):
        return _NOT_IN_TLS
    return f"TLS failed ({_words(reason)})"


def _closed(*, tls: bool, certificate: bool) -> str:
    if not tls:
        return "the server closed the connection; if it requires TLS, write rediss instead of redis in REDIS_URL"
    if not certificate:
        return (
            "the server closed the connection; if it requires a client certificate, set REDIS_SSL_CERTFILE and "
            "REDIS_SSL_KEYFILE; if it has no TLS, write redis instead of rediss"
        )
    return "the server closed the connection; check that it accepts the client certificate in REDIS_SSL_CERTFILE"


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower()
