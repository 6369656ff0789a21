"""Stands before the app: what it may be asked for, and headers by which browsers trust nobody else."""

from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.errors import TOO_LARGE, error_response
from dashboard.messages import BODY_MAX_BYTES

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
    """Wraps the whole app, so that its errors carry the headers too."""

    def __init__(self, app: ASGIApp, allowed_hosts: frozenset[str]) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""

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
        if not may_ask_for(name, self._allowed_hosts):
            shown = "".join(letter for letter in name[:100] if letter.isalnum() or letter in ".-_")
            sentence = f"the page does not answer to the name {shown}: add it to DASHBOARD_ALLOWED_HOSTS"
            return error_response(421, sentence)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > BODY_MAX_BYTES:  # the app would say it in plain text
            return error_response(413, TOO_LARGE)
        return None


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def may_ask_for(name: str, allowed: frozenset[str]) -> bool:
    """Addresses, names without a dot (localhost, a container's), and those that were allowed.

    A stranger's web site can let a name of its own point here, and would then be of the same origin as the page.
    """
    return name in allowed or (bool(name) and ("." not in name or name.endswith(".localhost"))) or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
