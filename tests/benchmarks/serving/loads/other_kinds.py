"""Images and texts: one a request, beside calling onnxruntime on what they become."""

import shutil
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import orjson
from PIL import Image
from tokenizers import Tokenizer

from service.inputs import ImageInput, TextInput
from service.manifest import MODEL_FILE, TOKENIZER_FILE, Manifest
from service.version_folder import read_manifest
from tests.benchmarks.serving.bench import Bench, serve_alone
from tests.benchmarks.serving.model import REPOSITORY, open_session, run
from tests.benchmarks.serving.processes import Server
from tests.benchmarks.serving.protocols import ask_predictions
from tests.benchmarks.serving.questions import Outputs, Question
from tests.benchmarks.serving.rounds import interleave
from tests.benchmarks.serving.sections import Section, comparison
from tests.benchmarks.serving.targets import DIRECT, direct_loop, over_http

IMAGES = REPOSITORY / "cifar10" / "1"
CONNECTIONS = 4
SIGNALS = ("jacobian_norm", "tail_ratio", "boundary_distance", "typicality", "reliability")


def images(bench: Bench) -> Iterator[Section]:
    """Yield the table of the bundled model of images."""
    manifest = read_manifest(IMAGES)
    assert isinstance(manifest.input, ImageInput)
    smooth = np.random.default_rng(8).integers(0, 256, (4, 4, len(manifest.input.channels)), dtype=np.uint8)
    size = (manifest.input.width, manifest.input.height)
    picture = Image.fromarray(smooth).resize(size, Image.Resampling.BICUBIC)
    file = BytesIO()
    picture.save(file, "PNG")
    feed = {manifest.input.tensor: np.asarray(picture)[None]}
    instance = {"b64": b64encode(file.getvalue()).decode()}
    about = f"a PNG file of {size[0]} × {size[1]} in base64, to the bundled model `{manifest.name}`"
    yield _beside_direct(bench, bench.service, IMAGES, manifest, instance, feed, about)


def texts(bench: Bench) -> Iterator[Section]:
    """Yield the table of the model of texts, if one is named."""
    if bench.text is None:
        return
    manifest = read_manifest(bench.text)
    assert isinstance(manifest.input, TextInput)
    example = manifest.input.example
    tokenizer = Tokenizer.from_file(str(bench.text / TOKENIZER_FILE))
    # The manifest says how long a text may be, whatever the tokenizer's file has.
    tokenizer.no_padding()
    tokenizer.enable_truncation(manifest.input.max_tokens)
    ids = np.array([tokenizer.encode(example).ids])
    feed = {manifest.input.ids: ids, manifest.input.mask: np.ones_like(ids)}
    about = f"the manifest's example, {ids.shape[1]} tokens, to the model `{manifest.name}`"
    question = _question(bench.text, manifest, example, feed)
    with (
        _repository_of(bench.text, manifest) as repository,
        serve_alone(question, bench.cores.server, repository=repository) as server,
    ):
        server.freeze()
        yield _beside_direct(bench, server, bench.text, manifest, example, feed, about)


@contextmanager
def _repository_of(version: Path, manifest: Manifest) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        repository = Path(folder)
        shutil.copytree(version, repository / manifest.name / str(manifest.version))
        yield repository


def _question(version: Path, manifest: Manifest, instance: object, feed: Outputs) -> Question:
    reference = run(open_session(version / MODEL_FILE), feed)
    return ask_predictions(manifest, orjson.dumps({"instances": [instance]}), SIGNALS, reference)


def _beside_direct(
    bench: Bench, server: Server, version: Path, manifest: Manifest, instance: object, feed: Outputs, about: str
) -> Section:
    title = f"One {manifest.input.kind}, {CONNECTIONS} connections"
    print(title, flush=True)
    question = _question(version, manifest, instance, feed)
    pace = {"seconds": bench.pace.seconds}
    asked = over_http("ChainzRule /v1", server, question, connections=CONNECTIONS, cores=bench.cores, **pace)
    with direct_loop(version / MODEL_FILE, feed, cores=bench.cores.server, **pace) as direct:
        measured = interleave([asked, direct], bench.pace.rounds)
    method = f"{about[0].upper()}{about[1:]}. `{DIRECT}` is given what that is decoded to, and returns all outputs."
    return comparison(f"one_{manifest.input.kind}", title, method, measured, DIRECT, connections=CONNECTIONS)
