"""What graphs of texts and images are fed with."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidModelError
from service.inference import feeds
from service.inference.feeds import make_feed
from service.inference.model import Model
from service.inputs import Channel, ImageInput
from service.manifest import MANIFEST_FILE, MODEL_FILE, OUTPUTS, TOKENIZER_FILE, Manifest
from service.version_folder import digest
from tests.conftest import Exported
from tests.service.inference.slow_model import assert_same
from tests.service.made_texts import MAX_TOKENS, PADDING, TextScorer, make_manifest, make_tokenizer

TEXTS = ["bad", "The film was not very good.", "שלום 🙂", "it was great, " * 20, "[PAD] [PAD]", "boring " * 9, "it"] * 3


@pytest.fixture(scope="module")
def model(texts: Exported) -> Model:
    return Model.load(texts.folder, threads=1)


def test_a_text_among_others_is_answered_as_alone(model: Model) -> None:
    rows = model.tokenizer.encode(TEXTS).rows
    together = model.score(rows)
    assert list(together) == [output.name for output in OUTPUTS]
    for row, one in enumerate(rows):
        alone = model.score(one[None])
        assert_same({name: values[row : row + 1] for name, values in together.items()}, alone)
    assert len(np.unique(together["reliability"])) > 4


class _Watched:
    """A session that remembers what it is given."""

    def __init__(self, model: Model) -> None:
        self._session = model._session
        self.given: list[dict[str, Any]] = []

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
        self.given.append(inputs)
        return self._session.run(outputs, inputs)


def test_texts_of_similar_length_run_together_and_are_padded_to_the_longest(model: Model) -> None:
    rows = model.tokenizer.encode(["good " * words for words in (20, 2, 3, 20, 1)]).rows
    session = _Watched(model)
    model._feed.run(session, ["label"], rows)
    assert [given["input_ids"].shape for given in session.given] == [(3, 5), (2, 22)]
    short = session.given[0]
    assert short["input_ids"].dtype == short["attention_mask"].dtype == np.int64
    assert short["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert ((short["input_ids"] == PADDING) == (short["attention_mask"] == 0)).all()


@given(lengths=st.lists(st.integers(1, 512), min_size=1, max_size=200))
def test_runs_are_bounded_in_tokens_and_in_padding(lengths: list[int]) -> None:
    ordered = sorted(lengths)
    pieces = list(feeds._pieces(ordered))
    assert [start for start, _ in pieces] == [0, *(end for _, end in pieces[:-1])]
    assert pieces[-1][1] == len(ordered)
    for start, end in pieces:
        padded = (end - start) * ordered[end - 1]
        assert end - start == 1 or padded <= 1024
        assert padded - sum(ordered[start:end]) <= 16


def test_texts_cost_their_tokens(model: Model) -> None:
    encode = model.tokenizer.encode
    assert model.units(encode(["bad", "bad film"]).rows) == 3 + 4
    assert model.units(encode(["good " * 100]).rows) == MAX_TOKENS


def test_the_warm_up_is_the_example_and_the_longest_text_with_every_token_s_end(model: Model) -> None:
    few, many = model._feed.examples
    assert model.units(few) == 9
    assert model.units(many) == MAX_TOKENS
    assert many[0, -2:].tolist() == [make_tokenizer().get_vocab_size() - 1, PADDING]


def test_only_models_of_texts_have_a_tokenizer(exported: Exported) -> None:
    with pytest.raises(TypeError, match="plant takes no texts but tables"):
        _ = Model.load(exported.folder, threads=1).tokenizer


def test_images_are_fed_as_they_are(tmp_path: Path) -> None:
    channels = tuple(
        Channel(name=name, mean=mean, standard_deviation=9)
        for name, mean in zip(("red", "green", "blue"), (10.6, 128.2, 300.0), strict=True)
    )
    image = ImageInput(height=4, width=6, mode="RGB", channels=channels, resize="refuse")
    feed = make_feed(tmp_path, make_manifest().model_copy(update={"input": image}))
    assert feed.signature == {"image": ("UINT8", (4, 6, 3))}
    few, many = feed.examples
    assert (few.shape, many.shape) == ((1, 4, 6, 3), (64, 4, 6, 3))
    assert few.dtype == many.dtype == np.uint8
    assert few[0, 3, 5].tolist() == [11, 128, 255]
    assert feed.units(many) == 64


@pytest.fixture
def folder(texts: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(texts.folder, tmp_path / "reviews" / "1"))


def rewrite(folder: Path, name: str, content: bytes | None, change: Callable[[Any], None] = lambda _: None) -> None:
    """Replace a file, or remove it, and let the manifest agree with it."""
    manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
    if content is None:
        (folder / name).unlink()
        del manifest["files"][name]
    else:
        (folder / name).write_bytes(content)
        manifest["files"][name] = digest(folder / name)
    change(manifest)
    Manifest.model_validate(manifest)
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


def test_a_folder_without_its_tokenizer_is_refused(folder: Path) -> None:
    rewrite(folder, TOKENIZER_FILE, None)
    with pytest.raises(InvalidModelError, match=r"its manifest lists no tokenizer\.json"):
        Model.load(folder, threads=1)


def test_a_broken_tokenizer_is_refused(folder: Path) -> None:
    rewrite(folder, TOKENIZER_FILE, b"{}")
    with pytest.raises(InvalidModelError, match=r"tokenizer\.json cannot be used: it is no tokenizer"):
        Model.load(folder, threads=1)


def test_an_example_without_a_token_is_refused(folder: Path) -> None:
    def change(manifest: Any) -> None:
        manifest["input"]["example"] = "\x01"

    rewrite(folder, TOKENIZER_FILE, (folder / TOKENIZER_FILE).read_bytes(), change)
    with pytest.raises(InvalidModelError, match="it finds no token in the manifest's example"):
        Model.load(folder, threads=1)


def test_a_tokenizer_with_more_tokens_than_the_graph_is_refused(folder: Path) -> None:
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["blockbuster"])
    rewrite(folder, TOKENIZER_FILE, tokenizer.to_str().encode())
    with pytest.raises(InvalidModelError, match="its graph does not run on the manifest's example"):
        Model.load(folder, threads=1)


@pytest.mark.parametrize("field", ["padding", "max_tokens"])
def test_padding_and_lengths_that_the_graph_does_not_know_are_refused(folder: Path, field: str) -> None:
    tokenizer = make_tokenizer()
    tokenizer.no_padding()

    def change(manifest: Any) -> None:
        manifest["input"][field] = 999

    rewrite(folder, TOKENIZER_FILE, tokenizer.to_str().encode(), change)
    with pytest.raises(InvalidModelError, match="its graph does not run on the manifest's example"):
        Model.load(folder, threads=1)


@pytest.mark.parametrize("fault", ["fixed tokens", "no mask", "wrong type"])
def test_a_graph_that_does_not_take_tokens_is_refused(folder: Path, fault: str) -> None:
    graph = onnx.load(folder / MODEL_FILE)
    ids, mask = graph.graph.input
    match fault:
        case "fixed tokens":
            for value in (ids, mask):
                value.type.tensor_type.shape.dim[1].dim_value = MAX_TOKENS
        case "no mask":
            mask.name = "other"
            for node in graph.graph.node:
                node.input[:] = ["other" if name == "attention_mask" else name for name in node.input]
        case "wrong type":
            mask.type.tensor_type.elem_type = onnx.TensorProto.INT32
    rewrite(folder, MODEL_FILE, graph.SerializeToString())
    with pytest.raises(InvalidModelError, match=r"are not what the manifest says: see .*attention_mask"):
        Model.load(folder, threads=1)


def test_the_made_graph_answers_as_torch_does(model: Model) -> None:
    """The tests above lean on it."""
    import torch

    tokens = make_tokenizer().get_vocab_size()
    rows = model.tokenizer.encode(["it was great, " * 20, "boring " * 22]).rows
    assert (rows >= 0).all()
    scorer = TextScorer(tokens)
    *found, _ = scorer(torch.from_numpy(rows.astype(np.int64)), torch.ones(rows.shape, dtype=torch.int64))
    expected = {output.name: values.numpy() for output, values in zip(OUTPUTS, found, strict=True)}
    assert_same(model.score(rows), expected)
