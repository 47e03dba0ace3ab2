"""Every setting of the service, documented where it is declared."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_SHORTEST_KEY = 16


def _is_a_file(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise ValueError(f"{path} is not a file")
    return path


class Settings(BaseSettings):
    """Read from the command line, else from the environment (CHAINZRULE_PORT and so on), else as declared here."""

    model_config = SettingsConfigDict(
        env_prefix="CHAINZRULE_",
        frozen=True,
        use_attribute_docstrings=True,
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_implicit_flags=True,
    )

    repository: Path = Path("models")
    """Folder of models, <name>/<version>/ each."""

    repository_mode: Literal["poll", "explicit"] = "poll"
    """poll: follow the folder as it changes. explicit: load it at the start, then only what the repository API asks."""

    poll_seconds: float = Field(default=5.0, ge=0.1, le=3600)
    """How often the folder is looked at in poll mode."""

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
    """Threads onnxruntime uses within one run; by default as many as the process has cores, by affinity and quota."""

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

    max_header_bytes: int = Field(default=32 * 2**10, ge=1024)
    """Largest request line and headers together."""

    receive_seconds: float = Field(default=30.0, gt=0, le=3600)
    """A client has this long to send a request's head, and again its body."""

    drain_seconds: float = Field(default=5.0, ge=0, le=3600)
    """On SIGTERM the service says it is not ready and goes on for this long, so that balancers look elsewhere first."""

    shutdown_seconds: int = Field(default=30, ge=1, le=3600)
    """After that, requests in flight have this long to finish."""

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Keys, with commas between, of which a client sends one as `Authorization: Bearer KEY`; none: open to all."""

    api_keys_file: Path | None = None
    """File with such keys, one a line."""

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
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: give both or neither")
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
        if self.workers > 1 and self.repository_keys:
            raise ValueError(
                "the repository API changes one process: with workers above 1 leave admin_keys out and poll"
            )
        if self.workers > 1 and self.repository_mode == "explicit":
            raise ValueError("repository_mode explicit needs the repository API, which workers above 1 cannot have")
        if self.max_batch_delay_ms / 1000 >= self.deadline_seconds:
            raise ValueError("max_batch_delay_ms is not below deadline_seconds: every request would be late")
        return self

    @property
    def client_keys(self) -> tuple[str, ...]:
        """Every API key, from the environment and the file."""
        return _keys(self.api_keys, self.api_keys_file)

    @property
    def repository_keys(self) -> tuple[str, ...]:
        """Every admin key."""
        return _keys(self.admin_keys, self.admin_keys_file)


def _keys(given: tuple[SecretStr, ...], file: Path | None) -> tuple[str, ...]:
    lines = file.read_text(encoding="utf-8").splitlines() if file is not None else []
    return (*(key.get_secret_value() for key in given), *(line.strip() for line in lines if line.strip()))
