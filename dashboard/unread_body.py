"""Ends the connection of a request whose body is not read to its end: a refused body could be sent for hours."""

import asyncio
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api_models import BODY_MAX_BYTES
from worker import time_limits

REST_MAX_BYTES: Final = BODY_MAX_BYTES
"""Bytes of the rest that are read and dropped: most clients read a response only after they have sent everything."""


class UnreadBody:
    """Wraps an app. A response to a request that is still being sent has the header `Connection: close`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Implement the ASGI interface."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        unread = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

        async def receive_until_the_end() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def send_closing(message: Message) -> None:
            if unread and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            if unread and message["type"] == "http.response.body" and not message.get("more_body", False):
                # The client has the whole response, but the server does not close the connection yet.
                await send({**message, "more_body": True})
                await _drop_rest(receive)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self._app(scope, receive_until_the_end, send_closing)


async def _drop_rest(receive: Receive) -> None:
    """Read at most REST_MAX_BYTES for at most HTTP_LINGER: a close with unread bytes would reset the connection."""
    left = REST_MAX_BYTES
    try:
        async with asyncio.timeout(time_limits.HTTP_LINGER.seconds):
            while left > 0:
                message = await receive()
                if not message.get("more_body", False):
                    return
                left -= len(message["body"])
    except TimeoutError:
        pass
