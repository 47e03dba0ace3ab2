"""What tests of the service need beside tables: a repository that holds a model of texts."""

import pytest

from tests.conftest import Exported
from tests.service.made_texts import write_texts


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the model "reviews". Not to be written to."""
    repository = tmp_path_factory.mktemp("texts")
    return Exported(repository, write_texts(repository))
