from collections.abc import Iterator

import msgspec
import pytest

from service.errors import ServiceError, TooManyRowsError
from service.protocol.predict_codec import NO_PARAMETERS, check_sensitivities, read_sensitivity
from tests.conftest import Exported
from tests.service.client import Service, serving
from tests.service.protocol.test_predictions import image_input

ROW = [20, 5, 1000, 0]


@pytest.fixture(scope="module")
def service(exported: Exported) -> Iterator[Service]:
    with serving(exported.repository) as service:
        yield service


@pytest.mark.parametrize("otherwise", [False, True])
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (b"null", None),
        (b"{}", None),
        (b'{"sensitivity": null}', None),
        (b'{"sensitivity": true, "timeout": [1]}', True),
        (b' {"sensitivity":false}', False),
    ],
)
def test_parameters_say_whether_sensitivities_are_asked_for(
    parameters: bytes, said: bool | None, otherwise: bool
) -> None:
    assert read_sensitivity(msgspec.Raw(parameters), otherwise=otherwise) is (otherwise if said is None else said)
    assert read_sensitivity(NO_PARAMETERS, otherwise=otherwise) is otherwise


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        (b'{"sensitivity": 1}', "wrong_type", "sensitivity"),
        (b'{"sensitivity": "true"}', "wrong_type", "sensitivity"),
        (b"[]", "malformed_request", "parameters"),
        (b"7", "malformed_request", "parameters"),
    ],
)
def test_other_parameters_are_refused(parameters: bytes, code: str, field: str) -> None:
    with pytest.raises(ServiceError) as refused:
        read_sensitivity(msgspec.Raw(parameters), otherwise=True)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_more_sensitivities_than_json_can_bear_are_refused() -> None:
    check_sensitivities(27, image_input(224, 224))
    with pytest.raises(TooManyRowsError, match="28 rows are 4214784 numbers"):
        check_sensitivities(28, image_input(224, 224))


def test_a_table_is_answered_with_sensitivities_unless_they_are_declined(service: Service) -> None:
    body = {"instances": [ROW], "parameters": {"sensitivity": False}}
    declined = service.client.post("/v1/models/plant:predict", json=body).json()["predictions"][0]
    usual = service.client.post("/v1/models/plant:predict", json={"instances": [ROW]}).json()["predictions"][0]
    assert len(usual["reliability"].pop("sensitivity")) == 4
    assert usual == declined


def test_a_sensitivity_that_is_neither_true_nor_false_is_the_client_s_mistake(service: Service) -> None:
    body = {"instances": [ROW], "parameters": {"sensitivity": "yes"}}
    answer = service.client.post("/v1/models/plant:predict", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "sensitivity")
