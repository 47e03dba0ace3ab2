"""What may be said to the application, and what its replicas make of it. Without Ray."""

from pathlib import Path

import pytest

from deploy.ray.settings import check_arguments, replica_settings


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("repositry", "repositry is no setting of the service: did you mean repository?"),
        ("port", "port is not the service's to say under Ray: set http_options.port"),
        ("api_keys", "set CHAINZRULE_API_KEYS in the nodes' environment, or give api_keys_file"),
    ],
)
def test_what_is_no_argument_is_refused_with_what_to_do(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        check_arguments(["repository", name])


def test_threads_follow_the_processors_kept_unless_they_are_given(tmp_path: Path) -> None:
    arguments = {"repository": str(tmp_path), "max_rows": "7"}
    check_arguments(arguments)
    assert [replica_settings(arguments, cpus).threads for cpus in (3.0, 0.5)] == [3, 1]
    settings = replica_settings(arguments | {"threads": 2}, 8.0)
    assert (settings.threads, settings.max_rows) == (2, 7)


def test_a_replica_reads_its_own_environment_less_what_is_rays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINZRULE_REPOSITORY", str(tmp_path))
    monkeypatch.setenv("CHAINZRULE_WORKERS", "3")
    monkeypatch.setenv("CHAINZRULE_API_KEYS", "a-key-of-some-length")
    settings = replica_settings({}, 1.0)
    assert (settings.repository, settings.workers) == (tmp_path, 1)
    assert settings.client_keys == ("a-key-of-some-length",)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ADMIN_KEYS", "an-admin-key-of-some-length", "the repository API changes one replica"),
        ("API_KEY", "a-key-of-some-length", "CHAINZRULE_API_KEY is no setting: did you mean CHAINZRULE_API_KEYS"),
        ("MAX_ROWS", "none", "max_rows: "),
    ],
)
def test_a_replica_does_not_start_with_settings_that_it_cannot_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"CHAINZRULE_{variable}", value)
    with pytest.raises(ValueError, match=message) as refused:
        replica_settings({"repository": str(tmp_path)}, 1.0)
    assert value not in str(refused.value)
