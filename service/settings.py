"""Every setting of the service, documented where it is declared."""

import re
import ssl
import sys
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_SHORTEST_KEY = 16
_CANARY = re.compile(
    r"(?P<model>[A-Za-z0-9][A-Za-z0-9_.-]{0,63})/(?P<version>[1-9][0-9]{0,8})\s*=\s*(?P<share>[0-9]*\.?[0-9]+)"
)
_ORIGIN = re.compile(r"\*|https?://[^/\s*]+")


def _is_a_file(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise ValueError(f"{path} is not a file")
    return path


class CanaryShare(NamedTuple):
    """What a version of a model gets of the requests that name no version."""

    model: str
    version: int
    share: float


class Settings(BaseSettings):
    """Read from the command line, else from the environment (CHAINZRULE_PORT and so on), else as declared here.

    `service.command_line` has the flags; SETTINGS.md beside this file lists everything.
    """

    model_config = SettingsConfigDict(
        env_prefix="CHAINZRULE_",
        frozen=True,
        use_attribute_docstrings=True,
        # What was given may be a key.
        hide_input_in_errors=True,
    )

    repository: Path = Path("models")
    """Folder of models, <name>/<version>/ each."""

    repository_mode: Literal["poll", "explicit"] = "poll"
    """poll: follow the folder as it changes. explicit: load it at the start, then only what the repository API asks."""

    poll_seconds: float = Field(default=5.0, ge=0.1, le=3600)
    """How often the folder is looked at in poll mode."""

    canary: Annotated[tuple[CanaryShare, ...], NoDecode] = ()
    """MODEL/VERSION=SHARE, with commas between: of requests without a version this one gets the share, the newest
    before it the rest."""

    max_model_bytes: int = Field(default=2 * 2**30, ge=1024)
    """Most bytes in one version's files; a larger version is refused."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for every interface, as in a container."""

    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 for a free one."""

    tls_certificate: Path | None = None
    """PEM file with the certificate chain, to serve HTTPS; without it TLS is the proxy's business."""

    tls_key: Path | None = None
    """PEM file with the certificate's private key."""

    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads onnxruntime uses within one run; by default as many as each worker has cores, by affinity and quota."""

    workers: int = Field(default=1, ge=1, le=64)
    """Processes that answer requests. One is enough for most: threads make use of the cores."""

    max_batch_rows: int = Field(default=1024, ge=1)
    """Most rows in one run of a model. Waiting requests leave together up to it; a larger one runs in pieces."""

    max_batch_delay_ms: float = Field(default=0.0, ge=0, le=1000)
    """How long an idle engine waits for more requests, in milliseconds; by default not at all."""

    max_queue_rows: int = Field(default=20_000, ge=1)
    """Most rows waiting to be run; what comes beyond is refused with 503 and Retry-After."""

    deadline_seconds: float = Field(default=10.0, gt=0, le=3600)
    """A request that cannot be answered within this time is refused, at the door or in the queue."""

    max_rows: int = Field(default=10_000, ge=1)
    """Most rows in one request."""

    max_body_bytes: int = Field(default=4 * 2**20, ge=1024)
    """Largest request body, before and after inflating."""

    max_image_pixels: int = Field(default=16 * 2**20, ge=1)
    """Most pixels of one request's images together, each as its header says and as the model takes it."""

    max_header_bytes: int = Field(default=32 * 2**10, ge=1024)
    """Largest request line and headers together."""

    receive_seconds: float = Field(default=30.0, gt=0, le=3600)
    """A client has this long to send a request's head, and again its body."""

    drain_seconds: float = Field(default=5.0, ge=0, le=3600)
    """On SIGTERM the service says it is not ready and goes on for this long, so that balancers look elsewhere first."""

    shutdown_seconds: int = Field(default=30, ge=1, le=3600)
    """After that, requests in flight have this long to finish."""

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Keys, with commas between, of which a client sends one as Authorization: Bearer KEY; without any, open to all."""

    api_keys_file: Path | None = None
    """File with such keys, one a line; lines that begin with # are notes. Read at the start."""

    admin_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Keys that may load and unload models under /v2/repository; without any that API is off."""

    admin_keys_file: Path | None = None
    """File with such keys, one a line."""

    public_health: bool = True
    """Whether health is answered without a key."""

    public_metrics: bool = True
    """Whether /metrics is answered without a key."""

    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins, with commas between, whose pages may call the service from a browser; by default none."""

    server_timing: bool = False
    """Whether answers say in a Server-Timing header where their time went."""

    feedback_rows: int = Field(default=100_000, ge=0, le=100_000_000)
    """Answered rows that each worker remembers, 21 bytes a row, for true labels that come in later; 0 to take none."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe message that is logged; debug logs every request."""

    log_format: Literal["console", "json"] = "console"
    """console: a line to read. json: an object a line, for a log collector."""

    traces: bool = False
    """Whether spans are exported by OpenTelemetry (pip install 'chainzrule[traces]'); OTEL_* variables say where to."""

    @field_validator("repository")
    @classmethod
    def _is_a_folder(cls, repository: Path) -> Path:
        if not repository.is_dir():
            raise ValueError(
                f"{repository} is not a folder; it must hold <name>/<version>/ folders as chainzrule train makes them"
            )
        return repository

    @field_validator("tls_certificate", "tls_key", "api_keys_file", "admin_keys_file")
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        return _is_a_file(path)

    @field_validator("api_keys", "admin_keys", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        parts = tuple(part.strip() for part in value.split(",") if part.strip())
        if not parts and info.field_name != "cors_origins":
            # A variable that came out empty must not open the service to everyone.
            raise ValueError("given, but without a key: leave it out to need none")
        return parts

    @field_validator("canary", mode="before")
    @classmethod
    def _are_shares(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        shares = [_canary_share(part.strip()) for part in value.split(",") if part.strip()]
        models = [share.model for share in shares]
        if twice := next((model for model in models if models.count(model) > 1), None):
            raise ValueError(f"{twice} has more than one canary: give one")
        return tuple(shares)

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no origin: write it as https://host or https://host:port, or * for all"
                )
        return origins

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: give both or neither")
        if self.tls_certificate is not None and self.tls_key is not None:
            _check_tls(self.tls_certificate, self.tls_key)
        if self.traces and not _can_trace():
            raise ValueError("traces needs packages that are not installed: pip install 'chainzrule[traces]'")
        keys = [*self.client_keys, *self.repository_keys]
        if any(len(key) < _SHORTEST_KEY for key in keys):
            raise ValueError(
                f"an API key is shorter than {_SHORTEST_KEY} characters: make one with openssl rand -hex 32"
            )
        if any(not key.isascii() or not key.isprintable() or " " in key for key in keys):
            raise ValueError("API keys are made of printable ASCII characters without spaces")
        if set(self.client_keys) & set(self.repository_keys):
            raise ValueError("a key is both an API key and an admin key: clients could then unload models")
        if "*" in self.cors_origins and self.client_keys:
            raise ValueError("cors_origins '*' with API keys would let any page use a key its reader has: name origins")
        if self.workers > 1 and sys.platform == "win32":
            raise ValueError("workers above 1 need a Unix system: start several services, on a port each")
        if self.workers > 1 and self.repository_keys:
            raise ValueError(
                "the repository API changes one process: with workers above 1 leave admin_keys out and poll"
            )
        if self.workers > 1 and self.repository_mode == "explicit":
            raise ValueError("repository_mode explicit needs the repository API, which workers above 1 cannot have")
        if self.max_batch_delay_ms / 1000 >= self.deadline_seconds:
            raise ValueError("max_batch_delay_ms is not below deadline_seconds: every request would be late")
        return self

    @cached_property
    def client_keys(self) -> tuple[str, ...]:
        """Every API key, from the environment and the file as it was at the start."""
        return _keys(self.api_keys, self.api_keys_file)

    @cached_property
    def repository_keys(self) -> tuple[str, ...]:
        """Every admin key."""
        return _keys(self.admin_keys, self.admin_keys_file)


SECTIONS = {
    "repository": "Models",
    "host": "Network",
    "threads": "Running models",
    "max_rows": "Limits on requests",
    "drain_seconds": "Stopping",
    "api_keys": "Access",
    "server_timing": "Seen from outside",
}
"""The first setting of every section, for the command line's help and the table of settings."""


def _canary_share(text: str) -> CanaryShare:
    found = _CANARY.fullmatch(text)
    if found is None or not 0 <= float(found["share"]) <= 1:
        raise ValueError(
            f"{text!r} is no canary: write it as MODEL/VERSION=SHARE, from 0 to 1, such as loans/3=0.05 for 5 % to "
            "version 3"
        )
    return CanaryShare(found["model"], int(found["version"]), float(found["share"]))


def _keys(given: tuple[SecretStr, ...], file: Path | None) -> tuple[str, ...]:
    keys = [key.get_secret_value() for key in given]
    if file is not None:
        try:
            lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ValueError(f"the keys in {file} cannot be read: {reason}") from None
        found = [line for line in lines if line and not line.startswith("#")]
        if not found:
            raise ValueError(f"{file} holds no key: leave it out to need none")
        keys += found
    return tuple(keys)


def _check_tls(certificate: Path, key: Path) -> None:
    try:
        # Without a password given OpenSSL would ask for one, and nobody may be there to answer.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{certificate} and {key} are no certificate chain and its key without a password: {error}"
        ) from None


def _can_trace() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None and bool(find_spec("opentelemetry.sdk"))
    except ModuleNotFoundError:
        return False
