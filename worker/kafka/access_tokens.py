"""Access tokens for the mechanism OAUTHBEARER: from a file that another program renews, or from a token endpoint.

kafka-python asks for a token at every login. Every connection logs in again before the lifetime ends that the broker
gave the session, which is not longer than the lifetime of the token.
"""

import logging
import re
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from kafka import errors
from kafka.net.sasl.oauth import AbstractTokenProvider

from worker import time_limits
from worker.kafka.token_endpoint import Grant, TokenEndpoint
from worker.settings import Settings

log = logging.getLogger(__name__)

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
"""An access token has visible ASCII characters and no blanks (RFC 6749, appendix A.12)."""

_RENEWED_AT: Final = 0.8
"""Share of its lifetime after which a token is renewed: kafka-python logs in again at 0.85 to 0.95 of the lifetime."""


def token_provider(settings: Settings) -> AbstractTokenProvider:
    """Return where clients get their tokens from; all clients of one process share the tokens of an endpoint."""
    if settings.kafka_sasl_oauth_token_file is not None:
        return TokenFile(settings.kafka_sasl_oauth_token_file)
    secret = settings.kafka_sasl_oauth_client_secret
    return _shared(
        TokenEndpoint(
            url=settings.kafka_sasl_oauth_token_url or "",
            client_id=settings.kafka_sasl_oauth_client_id or "",
            client_secret="" if secret is None else secret.get_secret_value(),
            scope=settings.kafka_sasl_oauth_scope,
            cafile=settings.kafka_ssl_cafile,
        )
    )


@cache
def _shared(endpoint: TokenEndpoint) -> "GrantedTokens":
    return GrantedTokens(endpoint)


class TokenFile(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python ships no types
    """Reads the file at every login, because another program replaces the token before the token expires."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def token(self) -> str:
        """Return the token in the file. Raises KafkaConnectionError, after which the client tries again."""
        try:
            token = self._path.read_text(encoding="ascii").strip()
            problem = "" if _TOKEN.fullmatch(token) else "does not contain one access token and nothing else"
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        except UnicodeDecodeError:
            problem = "is not ASCII text"
        if problem:
            raise errors.KafkaConnectionError(f"KAFKA_SASL_OAUTH_TOKEN_FILE={self._path}: {problem}")
        return token


@dataclass(frozen=True, slots=True)
class _HeldToken:
    """A token, and when it is renewed and expires, in seconds of the monotonic clock."""

    text: str
    renew_s: float
    expires_s: float


class GrantedTokens(AbstractTokenProvider):  # type: ignore[misc]
    """Keeps the token of an endpoint, and renews it at a login when most of its lifetime has passed.

    A request runs in a thread of its own: it must not block the network thread of a client, which also sends the
    heartbeats, for longer than TOKEN_WAIT.
    """

    def __init__(self, endpoint: TokenEndpoint) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._held: _HeldToken | None = None
        self._request: threading.Thread | None = None
        self._error: errors.KafkaError | None = None

    def token(self) -> str:
        """Return a token that has not expired.

        Raises KafkaConnectionError, after which the client tries again, if the endpoint does not answer, and
        TokenRefusedError if the endpoint refuses the client.
        """
        with self._lock:
            if self._held is not None and time.monotonic() < self._held.renew_s:
                return self._held.text
            if self._request is None or not self._request.is_alive():
                self._error = None
                self._request = threading.Thread(target=self._renew, name="access-token", daemon=True)
                self._request.start()
            request = self._request
        request.join(time_limits.TOKEN_WAIT.seconds)
        with self._lock:
            if self._held is not None and time.monotonic() < self._held.expires_s:
                return self._held.text
            raise self._error or errors.KafkaConnectionError(
                f"KAFKA_SASL_OAUTH_TOKEN_URL={self._endpoint.url}: no answer yet"
            )

    def _renew(self) -> None:
        asked_s = time.monotonic()
        try:
            grant = self._endpoint.request()
            if not _TOKEN.fullmatch(grant.token):
                raise errors.KafkaConnectionError(f"KAFKA_SASL_OAUTH_TOKEN_URL={self._endpoint.url}: no valid token")
        except Exception as error:  # every error must reach the logins, which see nothing of this thread
            with self._lock:
                self._error = self._as_kafka_error(error)
                left_s = 0.0 if self._held is None else self._held.expires_s - time.monotonic()
            if left_s > 0:  # without a valid token, the login fails with this error
                log.warning("no new access token (%s): the old one is valid for %.0f s", error, left_s)
        else:
            with self._lock:
                self._held = _held(grant, asked_s)

    def _as_kafka_error(self, error: Exception) -> errors.KafkaError:
        if isinstance(error, errors.KafkaError):
            return error
        failed = errors.KafkaConnectionError(
            f"KAFKA_SASL_OAUTH_TOKEN_URL={self._endpoint.url}: the request failed ({type(error).__name__}: {error})"
        )
        failed.__cause__ = error
        return failed


def _held(grant: Grant, asked_s: float) -> _HeldToken:
    """Return the token with its times; a token without a lifetime is renewed at every login."""
    if grant.lifetime_s is None:
        return _HeldToken(grant.token, asked_s, float("inf"))
    return _HeldToken(grant.token, asked_s + _RENEWED_AT * grant.lifetime_s, asked_s + grant.lifetime_s)
