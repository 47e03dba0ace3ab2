"""What tests of the service need beside single models: a repository of every kind."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Exported


@pytest.fixture(scope="session")
def every_kind(exported: Exported, texts: Exported, images: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of all these models. Not to be written to."""
    repository = tmp_path_factory.mktemp("every-kind")
    for one in (exported, texts, images):
        shutil.copytree(one.repository, repository, dirs_exist_ok=True)
    return repository
