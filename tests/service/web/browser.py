"""Chromium with the page in it, and requests to the service that it is about."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import matplotlib.image
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """The page of a service, opened; what goes wrong in it and what it asks for is noted."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.url = url

    def open(self) -> Page:
        self.page.goto(self.url)
        return self.page


@contextmanager
def visiting(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    visit = Visit(browser, url, **options)
    try:
        yield visit
    finally:
        visit.context.close()


def predict(url: str, table: pd.DataFrame, key: str = "") -> list[dict[str, Any]]:
    """Send a table to the plant in one request; return the reliability of each row."""
    rows = [[None if np.isnan(value) else value for value in row] for row in table.to_numpy().tolist()]
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer = httpx2.post(f"{url}/v1/models/plant:predict", json={"instances": rows}, headers=headers)
    answer.raise_for_status()
    return [prediction["reliability"] for prediction in answer.json()["predictions"]]


def bars(chart: Locator) -> list[float]:
    """The heights that a histogram's bars have on the screen, as shares of its height."""
    heights = "bars => bars.map(bar => bar.getBoundingClientRect().height)"
    whole: float = chart.locator("g .column").first.evaluate("column => column.getBoundingClientRect().height")
    return [height / whole for height in chart.locator(".bar").evaluate_all(heights)]


def coloured(chart: Locator, colour: str) -> float:
    """The share of a screenshot's pixels that have a colour, #rrggbb."""
    pixels: NDArray[np.float32] = matplotlib.image.imread(io.BytesIO(chart.screenshot()), format="png")
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return float((np.abs(pixels[..., :3] - wanted).max(axis=-1) < 0.02).mean())
