"""The pains that users of other model servers report, and the tests that show this one to be free of each.

The numbers are those of a survey of issue threads at Triton, MLServer, KServe, BentoML, LitServe, TorchServe, vLLM,
TEI, onnxruntime, FastAPI, starlette, uvicorn and prometheus_client. The tests stand where their subject is.
"""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PAINS = {
    "1 each worker counts for itself": "workers/test_supervisor.py::ten_scrapes_of_two_workers_give_the_same",
    "2 metrics of dead workers leak or vanish": "workers/test_fleet_metrics.py::the_counts_of_the_dead_stay",
    "3 paths and names become series": "monitoring/test_metrics.py::no_request_can_mint_a_series",
    "4 no quantile over a fleet": "monitoring/test_metrics.py::the_stages_of_a_prediction_are_timed",
    "5 NaN becomes a 500 or a null": "protocol/test_error_responses.py::an_answer_that_is_not_finite_is_a_500",
    "6 numbers validated one by one": "protocol/test_exchange.py::health_answers_while_a_long_answer_is_written",
    "7 bodies without bounds": "protocol/test_body.py::a_bomb_is_stopped_at_the_limit_and_never_held_whole",
    "8 SIGTERM drops requests": "test_lifecycle.py::sigterm_fails_no_request_of_200_clients_behind_a_balancer",
    "9 idle connections race a balancer": "test_transport.py::an_idle_connection_ends_by_the_keep_alive_timeout",
    "10 green while the engine hangs": "inference/test_engine.py::a_run_that_hangs_shows",
    "11 probes starve under load": "protocol/test_exchange.py::overload_is_refused_at_once_with_retry_after",
    "12 ready with nothing to serve": "protocol/test_open_inference.py::a_service_without_models_is_alive",
    "13 half-copied versions are loaded": "inference/test_repository.py::follows_what_comes_is_completed_and_goes",
    "14 unloading gives no memory back": "test_memory.py::unloading_and_loading_a_hundred_times",
    "15 the arena keeps the largest batch": "test_memory.py::large_requests_do_not_stay",
    "16 threads by the host's cores": "inference/test_threads.py::a_quota_counts_rounded_up",
    "17 inference blocks the event loop": "inference/test_engine.py::a_long_run_leaves_the_event_loop_free",
    "18 queues without end": "protocol/test_exchange.py::answers_within_the_deadline_or_not_at_all",
    "19 limits that depend on the shape": "inference/test_engine.py::a_full_queue_refuses_in_rows_whatever_the_request",
    "20 batching that adds latency": "inference/test_engine.py::an_idle_engine_runs_at_once_and_what_waits_leaves",
    "21 answers mixed up in a batch": "inference/test_engine.py::batched_answers_equal_those_given_one_by_one",
    "22 one bad member fails the batch": "inference/test_engine.py::one_member_failing_is_refused_alone",
    "23 middleware that leaks": "monitoring/test_metrics.py::a_failing_request_leaves_the_gauge",
    "24 counters that lie": "monitoring/test_metrics.py::refused_rows_are_not_counted",
    "25 untrusted models and callers": "inference/test_refused_versions.py::a_version_that_cannot_be_trusted",
}


@pytest.mark.parametrize("pain", PAINS)
def test_is_shown_to_be_cured(pain: str) -> None:
    """The test named is there; whether it passes is its own business."""
    file, _, beginning = PAINS[pain].partition("::")
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert any(name.startswith(f"test_{beginning}") for name in names)


def test_none_is_left_out() -> None:
    assert [int(pain.split()[0]) for pain in PAINS] == list(range(1, 26))
