"""The page in a real browser with scripts off, and whatever data may hold escaped."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from model_export.report.charts import confusion_map, leaning_chart
from model_export.report.html import Markup, element, name
from model_export.report.mistakes import Confusion
from model_export.report.publication import REPORT_FILE
from model_export.report.signals import Leaning
from tests.model_export.report.conftest import HOSTILE, Reported
from tests.service.web.browser import CHROMIUM, chromium, visiting


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {attribute for attribute, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_the_data_hold_is_text_wherever_it_stands(reported_prices: Reported) -> None:
    parsed = _Tags()
    parsed.feed(reported_prices.html)
    assert not parsed.found & {"script", "img", "b", "link", "iframe", "object"}
    assert not {
        attribute for attribute in parsed.attributes if attribute.startswith("on") or attribute in {"src", "href"}
    }
    assert HOSTILE in parsed.text
    assert "kind</style>" in parsed.text
    assert "every value is '<b>x</b>'" in parsed.text


def test_only_markup_is_left_as_it_is() -> None:
    assert element("p", "<i>", Markup("<b>x</b>"), title='"&') == '<p title="&quot;&amp;">&lt;i&gt;<b>x</b></p>'
    assert name("a<b") == "<bdi>a&lt;b</bdi>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("kind", ["reported_loans", "reported_prices"])
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the PATH")
def test_it_needs_no_script_no_network_and_no_wide_screen(
    browser: Browser, kind: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(kind).folder
    file = (folder / REPORT_FILE).as_uri()
    colours = set()
    for scheme, width in (("light", 1200), ("dark", 400)):
        with visiting(
            browser,
            file,
            java_script_enabled=False,
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
        ) as visit:
            page = visit.open()
            assert page.title() == f"{folder.parent.name} version 1: report"
            assert visit.asked == {file}
            assert visit.faults == []
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width
            colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            charts = page.locator("svg")
            assert charts.count() >= 7
            for chart in charts.all():
                assert chart.get_attribute("role") == "img"
                assert len(chart.get_attribute("aria-label") or "") > 20
                assert chart.locator("> title").count() == chart.locator("> desc").count() == 1
                box = chart.bounding_box()
                assert box is not None
                assert box["width"] > 250
            for section in ("comparison", "mistakes", "calibration", "coverage", "typicality", "features", "data"):
                assert page.locator(f"#{section} h2").is_visible()
    assert len(colours) == 2


def test_fifty_classes_are_shades_and_a_hundred_features_the_first_twenty() -> None:
    counts = np.zeros((50, 50), dtype=np.int64)
    counts[np.diag_indices(50)] = 9
    counts[3, 7] = 4
    drawn = confusion_map(Confusion(counts), [f"<class {place}>" for place in range(50)])
    assert drawn.count("<rect") == 52
    assert "&lt;class 3&gt; taken for &lt;class 7&gt;: 4 rows, 30.8 % of the class" in drawn
    assert Confusion(counts).commonest == [(3, 7, 4)]
    leanings = [Leaning(f"feature {place}", 100.0 - place, 1.0, 200.0) for place in range(100)]
    chart = leaning_chart(leanings, "In log-odds")
    assert len(re.findall(r">feature \d+</text>", chart)) == 20
    assert "The 20 largest of 100." in chart
