"""The page's files, as they are served; what it draws is for `tests.service.web`."""

import re
from collections.abc import Iterator

import pytest

from service.protocol.page import PAGE_PATHS
from tests.conftest import Exported
from tests.service.client import Service, serving


@pytest.fixture(scope="module")
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository) as service:
        yield service


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/web/page.css", "text/css; charset=utf-8"),
        ("/web/page.js", "text/javascript; charset=utf-8"),
        ("/web/icon.svg", "image/svg+xml"),
    ],
)
def test_a_part_has_its_type_and_may_load_nothing_from_elsewhere(service: Service, path: str, media_type: str) -> None:
    answer = service.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", sorted(PAGE_PATHS))
def test_a_part_that_is_known_is_not_sent_again(service: Service, path: str) -> None:
    first = service.client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    again = service.client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert service.client.get(path, headers={"if-none-match": '"another"'}).content == first.content


def test_all_that_the_parts_name_is_there_and_nothing_is_inline_or_elsewhere(service: Service) -> None:
    texts = {path: service.client.get(path).text for path in PAGE_PATHS}
    named = {f"/{path}" for path in re.findall(r'(?:href|src)="(web/[^"]+)"', texts["/"])}
    named |= {f"/web/{name}" for text in texts.values() for name in re.findall(r'from "\./([^"]+)"', text)}
    assert named | {"/"} == set(PAGE_PATHS)
    for path, text in texts.items():
        assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text) in ([], ["http://www.w3.org"]), path
    assert not re.search(r"<style|<script>|\sstyle=|\son\w+=", texts["/"])


def test_it_is_no_part_of_the_api(service: Service) -> None:
    assert not PAGE_PATHS & service.client.get("/openapi.json").json()["paths"].keys()
