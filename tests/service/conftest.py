"""What tests of the service need beside tables: repositories that hold models of texts and of images."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Exported
from tests.service.made_images import image_input, write_images
from tests.service.made_texts import write_texts


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the model "reviews". Not to be written to."""
    repository = tmp_path_factory.mktemp("texts")
    return Exported(repository, write_texts(repository))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Version 1 of the models "sketches", grey and of one size, and "photos", colour and stretched; the folder is
    photos'. Not to be written to."""
    repository = tmp_path_factory.mktemp("images")
    write_images(repository, "sketches", image_input("L", "refuse"))
    return Exported(repository, write_images(repository, "photos", image_input("RGB", "stretch")))


@pytest.fixture(scope="session")
def every_kind(exported: Exported, texts: Exported, images: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of all these models. Not to be written to."""
    repository = tmp_path_factory.mktemp("every-kind")
    for one in (exported, texts, images):
        shutil.copytree(one.repository, repository, dirs_exist_ok=True)
    return repository
