"""The relay in front of the embedded Redis, which closes a connection that does not begin like a Redis client's.

A web page can make a browser send a text of its choice to any port of this machine. Redis closes a connection at `POST`
and `Host:`; the embedded Redis reports an error and runs the next line of the text as a command. The embedded Redis
therefore listens on another port with a random password, which only this relay has.

    python -m deploy.local.redis_relay PORT PORT_OF_REDIS     with the password in EMBEDDED_REDIS_PASSWORD
"""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from deploy.local.ports import LOOPBACK

_PASSWORD: Final = "EMBEDDED_REDIS_PASSWORD"
_BEGINNING: Final = b"*"
"""First byte of a command in Redis' protocol; no method of HTTP that a browser sends begins with it."""
_FIRST_LINE: Final = re.compile(rb"[0-9]{1,7}\r\n")
"""The number of arguments, after the first byte; the first line of HTTP has spaces and the version of HTTP."""
_READ_BYTES: Final = 65_536


def command(port: int, redis_port: int) -> list[str]:
    """Return the command line of a relay from `port` to the embedded Redis on `redis_port`."""
    return [sys.executable, "-m", "deploy.local.redis_relay", str(port), str(redis_port)]


def environment(password: str) -> Mapping[str, str]:
    """Return the environment variables of a relay, with the password of the embedded Redis."""
    return {_PASSWORD: password}


async def serve(port: int, redis_port: int, password: str) -> None:
    """Relay connections until the process ends."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.LimitOverrunError):  # a connection that either side breaks just ends
            await _relay(reader, writer, redis_port, password)
        writer.close()

    server = await asyncio.start_server(accept, LOOPBACK, port)
    await server.serve_forever()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, redis_port: int, password: str) -> None:
    if await reader.readexactly(1) != _BEGINNING:
        return
    first_line = await reader.readuntil(b"\n")
    if not _FIRST_LINE.fullmatch(first_line):
        return
    from_redis, to_redis = await asyncio.open_connection(LOOPBACK, redis_port)
    try:
        to_redis.write(b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%b\r\n" % (len(password), password.encode("ascii")))
        if await from_redis.readline() == b"+OK\r\n":
            to_redis.write(_BEGINNING + first_line)
            await asyncio.gather(_copy(reader, to_redis), _copy(from_redis, writer))
    finally:
        to_redis.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(_READ_BYTES):
        sink.write(data)
        await sink.drain()
    sink.write_eof()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), os.environ[_PASSWORD]))
