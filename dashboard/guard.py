"""Checks each request before the app: host name and size; adds headers that keep browsers from other origins."""

from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api_models import BODY_MAX_BYTES
from dashboard.error_responses import TOO_LARGE, error_response

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Wraps the whole app, so that error responses carry the headers too."""

    def __init__(self, app: ASGIApp, allowed_hosts: frozenset[str]) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Implement the ASGI interface."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        app = self._refusal(Headers(scope=scope)) or self._app
        await app(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers) -> ASGIApp | None:
        name = host_name(headers.get("host", ""))
        if not is_allowed(name, self._allowed_hosts):
            shown = "".join(letter for letter in name[:100] if letter.isalnum() or letter in ".-_")
            sentence = f"the host name {shown} is not allowed: add the name to DASHBOARD_ALLOWED_HOSTS"
            return error_response(421, sentence)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > BODY_MAX_BYTES:  # the app's own refusal would be plain text
            return error_response(413, TOO_LARGE)
        return None


def host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def is_allowed(name: str, allowed: frozenset[str]) -> bool:
    """Return whether the page may be opened under this host name.

    Allowed are addresses, names without a dot (localhost, a container's name) and the names in `allowed`. Any other
    web site could make its own name point here (DNS rebinding), and its scripts would be of the page's origin.
    """
    return name in allowed or (bool(name) and ("." not in name or name.endswith(".localhost"))) or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
