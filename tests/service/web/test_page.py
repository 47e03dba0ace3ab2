"""What the page draws of a running service, in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Exported, make_table
from tests.service.process import Process, running
from tests.service.web.browser import CHROMIUM, bars, chromium, coloured, predict, visiting

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the PATH"),
]

KEY, ADMIN = "a-key-0123456789", "an-admin-key-0123456789"
CLEAN = make_table(600, seed=5)[0]
MISTAKEN = CLEAN.assign(pressure=1000 * CLEAN["pressure"]).head(300)
"""In millibar, where bar is wanted."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)
    with chromium() as browser:
        yield browser


@pytest.fixture
def service(exported: Exported) -> Iterator[Process]:
    with running(exported.repository) as service:
        yield service


@pytest.fixture(scope="module")
def shifted(exported: Exported) -> Iterator[Process]:
    """A service that has seen both kinds of rows; tests only look at it."""
    with running(exported.repository) as service:
        predict(service.url, CLEAN)
        predict(service.url, MISTAKEN)
        yield service


def field(page: Page, name: str) -> Any:
    return page.locator(f'.model [data-field="{name}"]')


def column(reliabilities: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
    return np.array([reliability[name] for reliability in reliabilities])


def expected_bars(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of rows in twentieths of [0, 1], a boundary belonging to the part below it."""
    return np.bincount(np.clip(np.ceil(values * 20 - 1e-6).astype(int) - 1, 0, 19), minlength=20) / len(values)


def drawn(page: Page, name: str) -> NDArray[np.float64]:
    page.wait_for_timeout(500)  # bars move to their heights
    top = float(field(page, f"{name}-top").inner_text().removeprefix("top: ").removesuffix(" % of rows")) / 100
    return top * np.array(bars(field(page, name)))


def test_it_follows_the_rows_from_none_over_usual_ones_to_a_mistaken_unit(browser: Browser, service: Process) -> None:
    with visiting(browser, service.url) as visit:
        page = visit.open()
        expect(page.locator("#readiness")).to_have_text("ready")
        expect(field(page, "silence")).to_be_visible()
        expect(field(page, "charts")).to_be_hidden()

        usual = predict(service.url, CLEAN.head(2))
        expect(field(page, "drift")).to_have_text("too few rows to tell")
        expect(field(page, "silence")).to_be_hidden()

        usual += predict(service.url, CLEAN.iloc[2:150])
        expect(field(page, "rows")).to_have_text("150")
        expect(field(page, "tau")).to_have_text("–")
        expect(field(page, "tau-note")).to_have_text("hidden below 200 rows, where chance rules it: 150 so far")
        expect(field(page, "tau-scale")).to_be_hidden()

        usual += predict(service.url, CLEAN.iloc[150:])
        expect(field(page, "rows")).to_have_text("600")
        expect(field(page, "drift")).to_have_text("as at training")
        tau, reference = tail_ratios(service)
        expect(field(page, "tau")).to_have_text(f"{tau:.3f}")
        expect(field(page, "tau-note")).to_have_text(f"reference {reference:.3f}; of 600 rows")
        label = f"τ is {tau:.3f}, its reference {reference:.3f}"
        expect(field(page, "tau-scale")).to_have_attribute("aria-label", label)
        assert drawn(page, "reliability") == pytest.approx(expected_bars(column(usual, "score")), abs=0.003)
        assert drawn(page, "typicality") == pytest.approx(expected_bars(column(usual, "typicality")), abs=0.003)
        errors = float(field(page, "expected").inner_text().removesuffix(" %"))
        assert errors == pytest.approx(100 * (1 - column(usual, "score").mean()), abs=0.5)

        strange = predict(service.url, MISTAKEN)
        expect(field(page, "drift")).to_have_text("has moved")
        both = expected_bars(column(usual + strange, "typicality"))
        assert both[0] > 0.3
        assert drawn(page, "typicality") == pytest.approx(both, abs=0.003)
        label = f"Typicality of 900 rows: {100 * both[0]:.0f} % in the lowest of 20 parts, where 5.0 % belong"
        expect(field(page, "typicality")).to_have_attribute("aria-label", label)
        assert visit.faults == []
        assert {url for url in visit.asked if not url.startswith(f"{service.url}/")} == set()


def test_a_window_shows_only_what_came_in_it(browser: Browser, service: Process) -> None:
    predict(service.url, MISTAKEN)
    with visiting(browser, service.url) as visit:
        page = visit.open()
        expect(field(page, "rows")).to_have_text("300")
        page.get_by_text("5 min").click()
        expect(field(page, "rows")).to_have_text("0")
        expect(field(page, "reliability")).to_have_attribute("aria-label", "Reliability: no rows yet")
        assert not drawn(page, "typicality").any()
        predict(service.url, CLEAN)
        expect(field(page, "rows")).to_have_text("600")
        expect(field(page, "drift")).to_have_text("as at training")
        expect(page.locator("#covers")).to_contain_text("since this page was opened")
        assert float(field(page, "rate").inner_text().split()[0]) > 0
        assert float(page.locator("#requests").inner_text()) > 0
        page.get_by_text("since start").click()
        expect(field(page, "rows")).to_have_text("900")
        expect(field(page, "drift")).to_have_text("has moved")


def test_recent_rows_are_listed_by_their_signals_alone(browser: Browser, shifted: Process) -> None:
    rows = httpx2.get(f"{shifted.url}/v1/recent").json()["rows"]
    newest = rows[0]
    with visiting(browser, shifted.url) as visit:
        page = visit.open()
        lines = page.locator("#recent tbody tr")
        expect(lines).to_have_count(len(rows))
        cells = lines.first.locator("td").all_inner_texts()
        assert cells[1:3] == ["plant 1", newest["label"]]
        assert float(cells[4]) == pytest.approx(newest["typicality"], abs=1e-4)
        assert float(cells[5]) == pytest.approx(newest["tail_ratio"], abs=1e-3)
        assert cells[7] == f"{newest['request_id']}, {newest['row']}"
        text = page.locator("body").inner_text()
        pressures = MISTAKEN["pressure"].iloc[[row["row"] for row in rows[:5]]]
        assert not [value for value in pressures if f"{value:.0f}" in text or f"{value:,.0f}" in text]


def test_many_recent_rows_are_listed_when_they_are_asked_for(browser: Browser, service: Process) -> None:
    for _ in range(3):
        predict(service.url, MISTAKEN.head(20))
    with visiting(browser, service.url) as visit:
        page = visit.open()
        lines = page.locator("#recent tbody tr")
        expect(lines).to_have_count(10)
        page.get_by_role("button", name="Show all 15").click()
        expect(lines).to_have_count(15)
        expect(page.get_by_role("button", name="Show all")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screenshot_shows_bars_in_the_accent_colour(browser: Browser, shifted: Process, scheme: str) -> None:
    with visiting(browser, shifted.url, color_scheme=scheme) as visit:
        page = visit.open()
        expect(field(page, "rows")).to_have_text("900")
        for chart in ("reliability", "typicality"):
            drawn(page, chart)
            accent = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')")
            heights = bars(field(page, chart))
            # Bars take four fifths of their column; the dashed line and softened edges cost a little.
            assert coloured(field(page, chart), accent) == pytest.approx(0.8 * np.mean(heights), abs=0.03)
            assert np.mean(heights) > 0.1


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, shifted: Process) -> None:
    with visiting(browser, shifted.url, viewport={"width": 360, "height": 740}) as visit:
        page = visit.open()
        expect(page.locator("#recent tbody tr").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        widths = page.locator("svg.plot, #recent tbody td").evaluate_all("all => all.map(one => one.clientWidth)")
        assert min(widths) > 100


def test_with_keys_it_asks_for_one_and_keeps_it_in_the_tab(browser: Browser, exported: Exported) -> None:
    with running(exported.repository, "--no-public-metrics", CHAINZRULE_API_KEYS=KEY) as service:
        predict(service.url, MISTAKEN, KEY)
        with visiting(browser, service.url) as visit:
            page = visit.open()
            expect(page.locator("#key")).to_be_visible()
            expect(page.locator("#no-recent")).to_have_text("These want a key.")
            expect(page.locator("#readiness")).to_have_text("ready")
            assert field(page, "rows").count() == 0
            page.get_by_label("API key").fill("another-key-0123456789")
            page.get_by_role("button", name="Use it").click()
            expect(page.locator("#key-note")).to_have_text("The service does not know that key.")
            page.get_by_label("API key").fill(KEY)
            page.get_by_label("API key").press("Enter")
            expect(field(page, "rows")).to_have_text("300")
            expect(page.locator("#recent tbody tr")).to_have_count(5)
            expect(page.locator("#key")).to_be_hidden()
            assert not [url for url in visit.asked if KEY in url]
            assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
            assert KEY not in page.content()


def test_a_model_that_is_not_served_says_so(browser: Browser, exported: Exported) -> None:
    explicit = ("--repository-mode", "explicit")
    with (
        running(exported.repository, *explicit, CHAINZRULE_ADMIN_KEYS=ADMIN) as service,
        visiting(browser, service.url) as visit,
    ):
        page = visit.open()
        expect(field(page, "state")).to_have_text("ready")
        expect(field(page, "digest")).to_contain_text("sha256")
        unload = f"{service.url}/v2/repository/models/plant/unload"
        httpx2.post(unload, headers={"authorization": f"Bearer {ADMIN}"}).raise_for_status()
        expect(field(page, "state")).to_have_text("not ready")
        expect(page.locator("#readiness")).to_have_text("not ready: no model is being served")
        expect(field(page, "digest")).to_be_empty()


def test_what_the_service_said_last_stays_when_it_falls_silent(browser: Browser, shifted: Process) -> None:
    with visiting(browser, shifted.url) as visit:
        page = visit.open()
        expect(field(page, "rows")).to_have_text("900")
        page.route("**/metrics", lambda route: route.abort())
        expect(page.locator("#notice")).to_contain_text("could not be read")
        expect(page.locator("#readiness")).to_have_text("not read")
        expect(field(page, "rows")).to_have_text("900")
        page.unroute("**/metrics")
        expect(page.locator("#notice")).to_be_hidden()


def test_features_feedback_and_references_are_shown_where_the_service_tells_of_them(
    browser: Browser, service: Process
) -> None:
    text = (Path(__file__).parent / "told.prom").read_text(encoding="utf-8")
    with visiting(browser, service.url) as visit:
        visit.page.route("**/metrics", lambda route: route.fulfill(body=text, content_type="text/plain"))
        page = visit.open()
        expect(field(page, "confirmed")).to_have_text("20 %")
        expect(field(page, "confirmed-note")).to_have_text("15 % expected, of 40 rows with feedback")
        expect(field(page, "expected")).to_have_text("25 %")
        expect(field(page, "expected-note")).to_have_text("by reliability; 22 % on test rows")
        table = field(page, "feature-rows").locator("tr")
        assert [row.locator("td").all_inner_texts() for row in table.all()] == [
            ['a "b" \\ c', "0 %", "–", "50 %"],
            ["age", "25 %", "10 %", "1.0 %"],
        ]
        # 0.5 of the rows are at or below 0.25, where 0.2 were: 0.3, against 1.95 √(1/100 + 1/50).
        expect(field(page, "drift-note")).to_have_text("KS 0.300, critical 0.338, of 100 rows: no more than chance")


def test_quantiles_are_those_of_prometheus(browser: Browser, service: Process) -> None:
    script = """async ([bounds, cumulative, shares]) => {
        const { quantile } = await import("/web/statistics.js");
        const histogram = { bounds: bounds.map(Number), cumulative, count: cumulative.at(-1) };
        return shares.map((share) => quantile(histogram, share));
    }"""
    with visiting(browser, service.url) as visit:
        page = visit.open()
        histogram = [["0", "1", "2", "4", "Infinity"], [0, 10, 10, 90, 100]]
        assert page.evaluate(script, [*histogram, [0.05, 0.1, 0.5, 0.9, 0.99]]) == pytest.approx([0.5, 1, 3, 4, 4])


def tail_ratios(service: Process) -> tuple[float, float]:
    """τ as Prometheus would have it, and its reference."""
    families = text_string_to_metric_families(httpx2.get(f"{service.url}/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    buckets = [one for one in samples if one.name == "chainzrule_tail_ratio_bucket"]
    rows = [one.value for one in buckets]
    quantile = np.interp(0.99 * rows[-1], rows, [float(one.labels["le"]) for one in buckets])
    value = {one.name: one.value for one in samples}
    mean = value["chainzrule_tail_ratio_sum"] / value["chainzrule_tail_ratio_count"]
    return float(quantile) / mean, value["chainzrule_reference_tail_ratio"]
