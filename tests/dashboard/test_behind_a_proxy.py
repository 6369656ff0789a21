"""The page under a sub-path behind nginx, whether nginx removes the path from requests or keeps it."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.in_browser import opened_at
from tests.dashboard.page_process import NO_SERVERS, PageProcess
from tests.installed import installed
from tests.ports import free_ports
from tests.servers import eventually

pytestmark = pytest.mark.slow

ROOT: Final = "/mood/of-the-day"
SEEN_S: Final = 30.0

#: `location` with a slash at its end: nginx answers the path without the slash with a redirect.
CONFIGURATION: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location {root}/ {{
            proxy_pass http://127.0.0.1:{page}{removing};
        }}
    }}
}}
"""


class Proxied:
    """An nginx in front of the page's server; `removes` is whether it removes the sub-path."""

    def __init__(self, page: int, folder: Path, *, removes: bool) -> None:
        self.port = free_ports(1)[0]
        folder.mkdir()
        configuration = folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=folder, port=self.port, root=ROOT, page=page, removing="/" if removes else "")
        )
        nginx = installed("nginx", package="nginx-light")
        self._process = subprocess.Popen([nginx, "-c", str(configuration), "-p", str(folder), "-e", "stderr"])
        eventually(self._answers, SEEN_S, "nginx answers")

    def _answers(self) -> bool:
        assert self._process.poll() is None, "nginx has ended"
        try:
            return self.ask("GET", f"{ROOT}/healthz")[:2] == (200, "ok\n")
        except OSError:
            return False

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str, dict[str, str]]:
        """Return status, body and headers of a response."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SEEN_S)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode(), dict(response.headers)
        finally:
            connection.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(SEEN_S)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageProcess]:
    server = PageProcess(NO_SERVERS | {"DASHBOARD_ROOT_PATH": ROOT}, tmp_path_factory.mktemp("page"))
    yield server
    server.kill()


@pytest.fixture(scope="module", params=[True, False], ids=["removes", "keeps"])
def proxied(
    request: pytest.FixtureRequest, page: PageProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx") / "prefix"
    proxy = Proxied(page.port, folder, removes=request.param)
    yield proxy
    proxy.stop()


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_everything_that_a_page_loads_is_under_the_sub_path(proxied: Proxied, path: str) -> None:
    status, page, _ = proxied.ask("GET", ROOT + path)
    assert status == 200
    addresses = [urljoin(ROOT + path, found) for found in re.findall(r'(?:href|src)="([^"#]+)"', page)]
    loaded = [each for each in addresses if not each.startswith("data:")]
    assert len(loaded) >= 3
    for address in loaded:
        assert address.startswith(f"{ROOT}/")
        assert proxied.ask("GET", address)[0] == 200, address


def test_texts_are_classified_at_the_address_in_the_description(proxied: Proxied) -> None:
    described = json.loads(proxied.ask("GET", f"{ROOT}/openapi.json")[1])
    (server,) = described["servers"]
    assert server["url"] == ROOT
    for path in ("/classify", "/explain"):
        status, answer, _ = proxied.ask("POST", server["url"] + path, '{"text": "so happy"}')
        assert (status, json.loads(answer)["emotion"]) == (200, "joy")


def test_an_event_arrives_at_once(proxied: Proxied) -> None:
    with socket.create_connection(("127.0.0.1", proxied.port), timeout=SEEN_S) as client:
        client.sendall(f"GET {ROOT}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = b""
        while b"event: hello" not in received:
            piece = client.recv(65536)
            assert piece, received
            received += piece


def test_the_path_without_a_slash_leads_to_the_page(proxied: Proxied, page: PageProcess) -> None:
    status, _, headers = proxied.ask("GET", ROOT)
    assert status in (301, 307)
    assert headers["Location"].endswith(f"{ROOT}/")
    assert page.ask("GET", ROOT)[0] == 307, "without nginx's own redirect"


def test_health_checks_need_no_sub_path(page: PageProcess) -> None:
    assert page.ask("GET", "/healthz") == page.ask("GET", f"{ROOT}/healthz") == (200, "ok\n")


def test_the_page_in_a_browser_is_live_and_classifies(proxied: Proxied, browser: Browser) -> None:
    page = opened_at(browser, f"http://127.0.0.1:{proxied.port}{ROOT}/")
    page.get_by_label("Your text").fill("so happy to see you")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#answer")).to_contain_text("joy")
    page.close()
