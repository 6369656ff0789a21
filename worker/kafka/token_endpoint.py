"""A token endpoint that gives access tokens for client credentials (RFC 6749, section 4.4)."""

import base64
import http.client
import io
import json
import math
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from kafka import errors

from worker import time_limits

_MAX_ANSWER_BYTES: Final = 262_144
"""More than a broker accepts as a token; a longer answer is not read to its end."""

_MAX_REASON_CHARS: Final = 200
"""The reason of a refusal in a log line; the rest is cut."""

_RETRIED: Final = (http.client.REQUEST_TIMEOUT, http.client.TOO_MANY_REQUESTS)
"""Refusals below 500 that a later request may not meet."""


class TokenRefusedError(errors.SaslAuthenticationFailedError):  # type: ignore[misc]  # kafka-python ships no types
    """The endpoint answers and gives no token; a retry gets the same answer."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A token and its lifetime; None if the endpoint does not name the lifetime."""

    token: str
    lifetime_s: float | None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the next address may not be the one that the secret is for."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _BoundedReads(io.RawIOBase):
    """The answer of a connection, which must be complete within TOKEN_REQUEST.

    The time-out of a socket is for one read: an endpoint that sends a byte now and then would never reach it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reads = connection.makefile("rb", buffering=0)
        self._end_s = time.monotonic() + time_limits.TOKEN_REQUEST.seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left_s)
        return self._reads.readinto(buffer)

    def close(self) -> None:
        self._reads.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_BoundedReads(sock))


class _HttpConnection(http.client.HTTPConnection):
    response_class = _Answer


class _HttpsConnection(http.client.HTTPSConnection):
    response_class = _Answer


class _Http(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpConnection, request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, trust: ssl.SSLContext) -> None:
        super().__init__(context=trust)
        self._trust = trust

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpsConnection, request, context=self._trust)


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Where the endpoint is, and the client's credentials; `cafile` is trusted besides the system's authorities."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    cafile: Path | None = None

    def request(self) -> Grant:
        """Ask for a token.

        Raises TokenRefusedError if the endpoint refuses the client, KafkaConnectionError if a retry may help.
        """
        trust = self._trust()
        try:
            request = self._request()
            handlers = [_Http(), _Https(trust), _NoRedirect()]
            if request.type == "http":  # for this machine only: a proxy would receive the secret in clear
                handlers.append(urllib.request.ProxyHandler({}))
            opener = urllib.request.build_opener(*handlers)
            with opener.open(request, timeout=time_limits.TOKEN_REQUEST.seconds) as answer:
                content = answer.read(_MAX_ANSWER_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            reason = getattr(error, "reason", None) or error or type(error).__name__
            raise errors.KafkaConnectionError(self._named(f"does not answer ({reason})")) from None
        return self._grant(content)

    def _trust(self) -> ssl.SSLContext:
        trust = ssl.create_default_context()
        try:
            if self.cafile is not None:
                trust.load_verify_locations(self.cafile)
        except OSError as error:  # also where the file is being replaced; SSLError is an OSError
            reason = error.strerror or error
            raise errors.KafkaConnectionError(f"KAFKA_SSL_CAFILE={self.cafile}: cannot be read ({reason})") from error
        return trust

    def _request(self) -> urllib.request.Request:
        form = {"grant_type": "client_credentials"} | ({} if self.scope is None else {"scope": self.scope})
        credentials = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}".encode()
        headers = {
            "Authorization": f"Basic {base64.b64encode(credentials).decode()}",
            "Accept": "application/json",
        }
        body = urlencode(form).encode()
        return urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310  # the settings allow HTTP only

    def _grant(self, content: bytes) -> Grant:
        answer = _object(content)
        token = answer.get("access_token")
        if not isinstance(token, str):
            raise TokenRefusedError(self._named("answers without an access_token: is this the token endpoint?"))
        return Grant(token, _lifetime_s(answer.get("expires_in")))

    def _refusal(self, error: urllib.error.HTTPError) -> errors.KafkaError:
        if error.code >= http.client.INTERNAL_SERVER_ERROR or error.code in _RETRIED:
            return errors.KafkaConnectionError(self._named(f"answers {error.code}"))
        try:
            answer = _object(error.read(_MAX_ANSWER_BYTES))
        except (OSError, http.client.HTTPException):
            answer = {}
        reasons = [str(answer[name]) for name in ("error", "error_description") if answer.get(name)]
        reason = " ".join(": ".join(reasons or [str(error.reason)]).split())[:_MAX_REASON_CHARS]
        return TokenRefusedError(
            self._named(
                f"answers {error.code} ({reason}): check this setting, KAFKA_SASL_OAUTH_CLIENT_ID, "
                "KAFKA_SASL_OAUTH_CLIENT_SECRET and KAFKA_SASL_OAUTH_SCOPE"
            )
        )

    def _named(self, problem: str) -> str:
        return f"KAFKA_SASL_OAUTH_TOKEN_URL={self.url}: {problem}"


def _object(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _lifetime_s(expires_in: object) -> float | None:
    """Return the lifetime; some endpoints send the number as text."""
    try:
        lifetime_s = float(str(expires_in))
    except ValueError:
        return None
    return lifetime_s if math.isfinite(lifetime_s) and lifetime_s > 0 else None
