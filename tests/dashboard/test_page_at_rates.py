"""The page in a real browser while tweets arrive, a few or thousands a second: accessible, and its figures agree."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from tests.dashboard.in_browser import opened, serious_faults
from tests.dashboard.page_process import PageProcess
from tests.dashboard.stand_in import StandIn
from tests.servers import Stack, eventually, unique_topics

FILLED_S: Final = 60.0
POINTS: Final = 90
FIGURES: Final = """
() => {
  const number = (text) => Number(text.replace(/[^0-9.]/g, ""));
  const cells = (name) => [...document.querySelectorAll(`#emotions tbody .${name}`)];
  const column = (name) => cells(name).map((each) => number(each.textContent));
  return {
    shares: column("share"), counts: column("count"), rates: column("rate"),
    total: number(total.textContent), rate: number(rate.textContent), throughput: number(throughput.textContent),
    compared: number(document.getElementById("accuracy-hint").textContent.split("tweets")[0]),
  };
}
"""

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module", params=[12, 2_000])
def server(
    request: pytest.FixtureRequest, embedded_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PageProcess]:
    """Start a page whose stream has so many tweets a second, and had them for three minutes."""
    env: Mapping[str, str] = unique_topics(embedded_stack, 3)
    stream = StandIn(embedded_stack, env, request.param)
    stream.add_minutes(3)
    with stream:
        server = PageProcess(env, tmp_path_factory.mktemp("page"))
        yield server
        server.kill()


def filled(browser: Browser, server: PageProcess, scheme: str, width: int) -> Page:
    """Return a page whose chart, table and list have content, with an explained text."""
    page = opened(browser, server, color_scheme=scheme, viewport={"width": width, "height": 900})
    page.fill("#text", "so happy to see you again, but I miss my old dog")
    page.press("#text", "Enter")
    page.locator("#answer tbody tr").nth(5).wait_for()
    page.click("summary")
    eventually(lambda: page.evaluate(f"chart.dataset.points >= {POINTS}"), FILLED_S, "the chart has its points")
    eventually(lambda: page.locator("#accuracy").inner_text() != "–", FILLED_S, "the accuracy is known")
    return page


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_and_nothing_is_wider_than_the_screen(
    browser: Browser, server: PageProcess, scheme: str, width: int
) -> None:
    page = filled(browser, server, scheme, width)
    for view in ("shares", "rates"):
        page.locator(f"#views [value={view}]").check(force=True)
        assert serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inside = "(each) => each.scrollWidth <= each.clientWidth"
    assert all(each.evaluate(inside) for each in page.locator(".scroll").all())
    page.close()


def test_figures_that_stand_side_by_side_agree(browser: Browser, server: PageProcess) -> None:
    page = filled(browser, server, "light", 1280)
    seen: set[float] = set()

    def changed() -> bool:
        figures: dict[str, Any] = page.evaluate(FIGURES)
        assert sum(figures["shares"]) == pytest.approx(100)
        assert sum(figures["counts"]) == figures["total"]
        assert sum(figures["rates"]) == pytest.approx(figures["rate"])
        assert figures["throughput"] == figures["rate"]
        assert 0 < figures["compared"] <= figures["total"]
        seen.add(figures["total"])
        return len(seen) >= 4

    eventually(changed, FILLED_S, "the figures have changed three times")
    page.close()
