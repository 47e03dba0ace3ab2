import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import SECTIONS, Settings

KEY, OTHER = "a-key-of-some-length", "other-key-of-some-length"


def test_come_from_the_environment_over_their_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINZRULE_REPOSITORY", str(tmp_path))
    monkeypatch.setenv("CHAINZRULE_PORT", "9000")
    settings = Settings()
    assert (settings.repository, settings.port, settings.host) == (tmp_path, 9000, "127.0.0.1")


def test_every_setting_is_documented_where_it_is_declared() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_sections_begin_at_settings_that_there_are() -> None:
    names = list(Settings.model_fields)
    assert [name for name in names if name in SECTIONS] == list(SECTIONS)
    assert names[0] in SECTIONS


@pytest.mark.parametrize(
    ("name", "value"), [("port", 70000), ("threads", 0), ("max_rows", 0), ("max_body_bytes", 1), ("log_level", "loud")]
)
def test_unusable_values_are_refused(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(repository=tmp_path, **{name: value})  # type: ignore[arg-type]


def test_keys_come_with_commas_between_and_from_a_file_with_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").write_text(f"# since November\n\n {OTHER} \r\n")
    monkeypatch.setenv("CHAINZRULE_API_KEYS", f" {KEY} ,,")
    settings = Settings(repository=tmp_path, api_keys_file=tmp_path / "keys")
    assert settings.client_keys == (KEY, OTHER)
    assert settings.repository_keys == ()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"api_keys": ""}, "without a key"),
        ({"admin_keys": " , "}, "without a key"),
        ({"api_keys": f"{KEY},short"}, "shorter than 16 characters"),
        ({"api_keys": "schlüssel-mit-umlaut"}, "printable ASCII"),
        ({"api_keys": "a key of some length"}, "without spaces"),
        ({"api_keys": KEY, "admin_keys": f"{OTHER},{KEY}"}, "both an API key and an admin key"),
        ({"api_keys": KEY, "cors_origins": "*"}, "name origins"),
        ({"cors_origins": "example.org"}, "'example.org' is no origin"),
        ({"cors_origins": "https://example.org/page"}, "is no origin"),
        ({"cors_origins": "https://*.example.org"}, "is no origin"),
        ({"canary": "loans"}, "'loans' is no canary: write it as MODEL/VERSION=SHARE"),
        ({"canary": "loans=0.1"}, "such as loans/3=0.05"),
        ({"canary": "loans/0=0.1"}, "is no canary"),
        ({"canary": "loans/3=1.1"}, "from 0 to 1"),
        ({"canary": "loans/3=-0.1"}, "is no canary"),
        ({"canary": "loans/3=nan"}, "is no canary"),
        ({"canary": "../loans/3=0.1"}, "is no canary"),
        ({"canary": "loans/3=0.1,tickets/1=0.1,loans/4=0.2"}, "loans has more than one canary"),
        ({"workers": 2, "admin_keys": KEY}, "leave admin_keys out and poll"),
        ({"workers": 2, "repository_mode": "explicit"}, "workers above 1 cannot have"),
        ({"max_batch_delay_ms": 500, "deadline_seconds": 0.5}, "every request would be late"),
        ({"tls_certificate": "{file}"}, "go together"),
        ({"tls_key": "{file}"}, "go together"),
        ({"tls_certificate": "{file}", "tls_key": "{file}"}, "no certificate chain and its key"),
        ({"tls_certificate": "nowhere.pem"}, "nowhere.pem is not a file"),
        ({"api_keys_file": "nowhere"}, "nowhere is not a file"),
        ({"api_keys_file": "{file}"}, "holds no key: leave it out"),
        ({"api_keys_file": "{latin}"}, "cannot be read: it is not UTF-8"),
    ],
)
def test_what_is_unsafe_is_refused_with_the_reason_and_without_a_key(
    tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    files = {"file": tmp_path / "file", "latin": tmp_path / "latin"}
    files["file"].write_text("# no key\n\n")
    files["latin"].write_bytes(b"schl\xfcssel-in-latin-1")
    given = {key: str(value).format(**files) if isinstance(value, str) else value for key, value in settings.items()}
    with pytest.raises(ValidationError, match=reason) as refusal:
        Settings(repository=tmp_path, **given)  # type: ignore[arg-type]
    for text in (str(refusal.value), repr(refusal.value)):
        assert KEY not in text
        assert OTHER not in text
        assert "short'" not in text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every file")
def test_a_key_file_that_may_not_be_read_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "keys").touch(mode=0)
    with pytest.raises(ValidationError, match="cannot be read: Permission denied"):
        Settings(repository=tmp_path, api_keys_file=tmp_path / "keys")


def test_keys_are_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(OTHER)
    settings = Settings(repository=tmp_path, api_keys=KEY, admin_keys_file=tmp_path / "keys")
    assert settings.client_keys == (KEY,)
    assert settings.repository_keys == (OTHER,)
    for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert KEY not in text
        assert OTHER not in text


@pytest.mark.parametrize("origins", ["*", "https://example.org", "http://localhost:3000, https://example.org:8443", ""])
def test_origins_come_with_commas_between(tmp_path: Path, origins: str) -> None:
    settings = Settings(repository=tmp_path, cors_origins=origins)
    assert settings.cors_origins == tuple(origin.strip() for origin in origins.split(",") if origin)


def test_shares_of_canaries_come_with_commas_between(tmp_path: Path) -> None:
    assert Settings(repository=tmp_path, canary=" loans/3=0.05, tickets/12 = 1,,a.b-c/1=.5 ").canary == (
        ("loans", 3, 0.05),
        ("tickets", 12, 1.0),
        ("a.b-c", 1, 0.5),
    )
    assert Settings(repository=tmp_path, canary="").canary == ()
