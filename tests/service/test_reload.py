"""Changing models under load, over HTTP."""

import threading

import httpx2

from tests.conftest import Exported
from tests.service.process import running

KEY = "reload-reload-reload"
PREDICT = "/v1/models/plant:predict"


def test_200_reloads_under_load_lose_and_mix_up_no_request(exported: Exported) -> None:
    rows = [[[20 + client, 5, 1000, 0]] for client in range(4)]
    failures: list[str] = []
    answered = [0] * len(rows)
    stop = threading.Event()

    def ask(url: str, client: int) -> None:
        with httpx2.Client(base_url=url, timeout=20) as http:
            expected = None
            while not stop.is_set():
                answer = http.post(PREDICT, json={"instances": rows[client]})
                predictions = answer.json().get("predictions")
                expected = expected or predictions
                if answer.status_code != 200 or predictions != expected:
                    failures.append(answer.text)
                answered[client] += 1

    with running(exported.repository, "--drain-seconds", "0", CHAINZRULE_ADMIN_KEYS=KEY) as service:
        clients = [threading.Thread(target=ask, args=(service.url, client)) for client in range(len(rows))]
        for client in clients:
            client.start()
        with httpx2.Client(base_url=service.url, headers={"authorization": f"Bearer {KEY}"}, timeout=20) as admin:
            for _ in range(200):
                assert admin.post("/v2/repository/models/plant/load", json={}).status_code == 200
        stop.set()
        for client in clients:
            client.join()
    assert not failures
    assert min(answered) > 50
