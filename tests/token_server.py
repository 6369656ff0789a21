"""A token endpoint on this machine that answers what a test wants."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.certificates import Certified

Answer = tuple[int, object]
"""A status and a body: bytes as they are, anything else as JSON."""


class TokenServer:
    """Answers each request with `answer()`, and keeps the Authorization header and the form of each request."""

    def __init__(self, answer: Callable[[], Answer]) -> None:
        self.answer = answer
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        self.url = ""


@contextmanager
def token_server(answer: Callable[[], Answer], certified: Certified | None = None) -> Iterator[TokenServer]:
    """Serve until the end of the block, with TLS if there is a certificate, which must be for `localhost`."""
    state = TokenServer(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            state.requests.append((self.headers["Authorization"], form))
            status, body = state.answer()
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", state.url)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certified is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certified.certificate, certified.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    origin = "http://127.0.0.1" if certified is None else "https://localhost"
    state.url = f"{origin}:{server.server_address[1]}/token"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        serving.join(5)
