"""Texts under /v1, every odd one with its answer."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from service.inference.tokenizer import TextTokenizer
from service.protocol.texts import TextReader
from tests.conftest import Exported
from tests.service.client import Service, serving
from tests.service.made_texts import DIMENSIONS, MAX_TOKENS

URL = "/v1/models/reviews:predict"
FILM = "The film was not very good."
UNREADABLE = "row 1 has no character that is text, only such as control characters: send a text with something to read"
ODD = [
    "🙂",
    "👩‍👩‍👧‍👦 great",
    "שלום",
    "مرحبا",
    "bad\u202eerised",
    "très bon",
    "漢字",
    "e\u0301",
    "a" * 5000,
    "\ufeffbad",
    "bad\x00",
]


@pytest.fixture(scope="module")
def service(texts: Exported) -> Iterator[Service]:
    with serving(texts.repository, max_rows=100) as service:
        yield service


def predict(service: Service, *instances: object, **body: object) -> Any:
    response = service.client.post(URL, json={"instances": instances, **body})
    assert response.status_code == 200, response.text
    return response.json()["predictions"]


def refusal(service: Service, body: bytes) -> tuple[int, dict[str, Any]]:
    response = service.client.post(URL, content=body)
    return response.status_code, response.json()["error"]


def test_a_text_alone_and_in_an_object_has_the_same_full_answer(service: Service) -> None:
    alone, in_object = predict(service, FILM, {"text": FILM})
    assert alone == in_object
    assert list(alone) == ["label", "probabilities", "truncated", "reliability"]
    assert set(alone["probabilities"]) == {"bad", "middling", "good"}
    assert alone["truncated"] is False
    assert alone["reliability"]["with_respect_to"] == "sentence embedding"
    assert "sensitivity" not in alone["reliability"]


def test_answers_are_the_models_own_and_sensitivities_are_the_embedding_s(service: Service) -> None:
    texts = [FILM, "great " * 50, "שלום"]
    model = service.core.repository.get("reviews")
    scores = model.score(model.tokenizer.encode(texts).rows)
    for row, prediction in enumerate(predict(service, *texts, parameters={"sensitivity": True})):
        reliability = prediction["reliability"]
        assert reliability["score"] == pytest.approx(scores["reliability"][row], rel=1e-5)
        assert len(reliability["sensitivity"]) == DIMENSIONS
        np.testing.assert_allclose(reliability["sensitivity"], scores["sensitivity"][row], rtol=1e-5)


def test_which_texts_were_cut_is_told_by_row_and_counted(service: Service) -> None:
    fits, cut = "good " * (MAX_TOKENS - 2), "good " * (MAX_TOKENS - 1)
    series = "chainzrule_altered_rows_total{model=reviews,version=1}"
    before = service.samples()[series]
    found = [prediction["truncated"] for prediction in predict(service, cut, fits, FILM, cut)]
    assert found == [True, False, False, True]
    assert predict(service, FILM)[0]["truncated"] is False  # nothing is left of the request before
    assert service.samples()[series] == before + 2


def test_a_text_of_a_megabyte_is_cut_and_answered_as_its_beginning_is(service: Service) -> None:
    long, beginning = predict(service, "good film " * 100_000, "good film " * 20)
    assert long == beginning
    assert long["truncated"] is True


@pytest.mark.parametrize("text", ODD)
def test_every_script_and_sign_is_answered(service: Service, text: str) -> None:
    (prediction,) = predict(service, text)
    assert 0 < prediction["reliability"]["score"] <= 1


def test_the_names_of_special_tokens_change_nothing_of_a_text_s_bounds(service: Service) -> None:
    literal, spelt = predict(service, "[CLS] bad [SEP] [PAD]", "[ CLS ] bad [ SEP ] [ PAD ]")
    assert literal == spelt


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "row 1 is an empty text: send a text with something to read"),
        ("   ", "row 1 is only whitespace: send a text with something to read"),
        ("\n\t\u2003\u3000", "row 1 is only whitespace: send a text with something to read"),
        ("\x00\x01\x1b", UNREADABLE),
        ("\u200b\u200d", UNREADABLE),
    ],
)
def test_a_text_that_says_nothing_is_refused_by_its_row(service: Service, text: str, why: str) -> None:
    for instance in (text, {"text": text}):
        status, error = refusal(service, json.dumps({"instances": [FILM, instance, ""]}).encode())
        assert status == 400
        assert error == {"code": "empty_text", "message": why, "row": 1}


SHAPE = 'send {"instances": [...]}, each instance a text or {"text": "..."}'


@pytest.mark.parametrize(
    ("instance", "code", "message", "field"),
    [
        (b"5", "wrong_type", f"row 1 is a number: {SHAPE}", None),
        (b"null", "wrong_type", f"row 1 is null: {SHAPE}", None),
        (b"true", "wrong_type", f"row 1 is a boolean: {SHAPE}", None),
        (b'["a text"]', "wrong_type", f"row 1 is a list: {SHAPE}", None),
        (b"1e999", "malformed_request", f"row 1 is no text, and cannot be read (Number out of range): {SHAPE}", None),
        (
            b'{"body": "\xff"}',
            "malformed_request",
            "row 1 is no text, and cannot be read ('utf-8' codec can't decode byte 0xff in position 0: invalid start "
            f"byte): {SHAPE}",
            None,
        ),
        (b'{"text": 5}', "wrong_type", "text of row 1 is a number: send a text in quotation marks", "text"),
        (b'{"text": null}', "wrong_type", "text of row 1 is null: send a text in quotation marks", "text"),
        (b'{"body": "a"}', "missing_feature", f"row 1 has no text: {SHAPE}", "text"),
        (b"{}", "missing_feature", f"row 1 has no text: {SHAPE}", "text"),
        (
            b'{"text": "a", "stars": 5}',
            "unknown_feature",
            "row 1 has 'stars' beside its text: send the text alone",
            "stars",
        ),
        (
            b'"\xff"',
            "malformed_request",
            "row 1 is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            None,
        ),
        (
            b'{"text": "\xed\xa0\x80"}',
            "malformed_request",
            "row 1 is not UTF-8: 'utf-8' codec can't decode byte 0xed in position 0: invalid continuation byte",
            None,
        ),
        (
            b'"a\\ud800"',
            "malformed_request",
            "row 1 has \\ud800, half of a surrogate pair and no character: send both halves, or neither",
            None,
        ),
        (
            b'{"text": "\\udc00a"}',
            "malformed_request",
            "row 1 has \\udc00, half of a surrogate pair and no character: send both halves, or neither",
            None,
        ),
    ],
)
def test_what_is_no_text_is_refused_by_its_row(
    service: Service, instance: bytes, code: str, message: str, field: str | None
) -> None:
    status, error = refusal(service, b'{"instances": ["bad", ' + instance + b', "good"]}')
    assert status == 400
    expected = {"code": code, "message": message, "row": 1, "field": field}
    assert error == {key: value for key, value in expected.items() if value is not None}


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "malformed_request", "the body is not JSON: "),
        (b"bad", "malformed_request", "the body is not JSON: "),
        (b'{"instances": ["a\x01"]}', "malformed_request", "the body is not JSON: "),
        (b'{"instances": ["a]}', "malformed_request", "the body is not JSON: "),
        (b"[]", "malformed_request", "the body has no list of instances"),
        (b'{"instances": "bad"}', "malformed_request", "the body has no list of instances"),
        (b'{"texts": ["bad"]}', "malformed_request", "the body has no list of instances"),
        ('{"instances": ["bad"]}'.encode("utf-16"), "malformed_request", "the body is not JSON: "),
        (b'{"instances": []}', "empty_batch", "there are no rows to predict"),
        (b'{"instances": ["bad"], "parameters": {"sensitivity": 1}}', "wrong_type", "the parameter sensitivity is"),
        (b'{"instances": [' + b"[" * 5000, "malformed_request", "the body is not JSON: "),
    ],
)
def test_a_bad_body_is_refused(service: Service, body: bytes, code: str, message: str) -> None:
    status, error = refusal(service, body)
    assert (status, error["code"]) == (400, code)
    assert error["message"].startswith(message)


def test_half_a_character_in_a_long_body_is_refused_too(service: Service) -> None:
    status, error = refusal(service, b'{"instances": ["' + b"a" * 2**19 + b'\\ud800"]}')
    assert (status, error["code"]) == (400, "malformed_request")


def test_too_many_texts_are_refused(service: Service) -> None:
    status, error = refusal(service, json.dumps({"instances": ["bad"] * 101}).encode())
    assert (status, error["code"]) == (413, "too_many_rows")


def test_a_body_over_the_limit_is_refused_whatever_it_is_cut_to(texts: Exported) -> None:
    with serving(texts.repository, max_body_bytes=10_000) as service:
        status, error = refusal(service, json.dumps({"instances": ["good " * 4000]}).encode())
    assert (status, error["code"]) == (413, "body_too_large")


def test_texts_are_read_off_the_event_loop(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    encode = TextTokenizer.encode

    def watched(self: TextTokenizer, texts: list[str]) -> Any:
        threads.append(threading.current_thread().name)
        return encode(self, texts)

    monkeypatch.setattr(TextTokenizer, "encode", watched)
    predict(service, FILM)
    assert TextReader.heavy
    assert len(threads) == 1
    assert threads[0].startswith("decoder")
