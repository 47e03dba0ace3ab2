"""Every setting of the service, documented where it is declared."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the command line, else from the environment (CHAINZRULE_PORT and so on), else as declared here."""

    model_config = SettingsConfigDict(
        env_prefix="CHAINZRULE_",
        frozen=True,
        use_attribute_docstrings=True,
        cli_kebab_case=True,
        cli_hide_none_type=True,
    )

    repository: Path = Path("models")
    """Folder of models, <name>/<version>/ each."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for every interface, as in a container."""

    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 for a free one."""

    threads: int = Field(default=1, ge=1, le=256)
    """Threads onnxruntime uses within one run; more than one pays for wide models only."""

    max_body_bytes: int = Field(default=4 * 2**20, ge=1024)
    """Largest request body."""

    max_rows: int = Field(default=10_000, ge=1)
    """Most rows in one request."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe message that is logged."""

    @field_validator("repository")
    @classmethod
    def _is_a_folder(cls, repository: Path) -> Path:
        if not repository.is_dir():
            raise ValueError(
                f"{repository} is not a folder; it must hold <name>/<version>/ folders as chainzrule train makes them"
            )
        return repository
