"""Sentences of film reviews in five classes: the Stanford Sentiment Treebank's whole sentences.

Socher et al., "Recursive deep models for semantic compositionality over a sentiment treebank" (2013).
"""

from dataclasses import replace

from model_export.tasks.hub import load_from_hub
from model_export.tasks.text_set import Texts, TextSet, read_local
from model_export.tasks.text_task import TextTask
from model_export.text.fine_tuning import FineTuning
from model_export.training import ChainzRuleClassifier

FILES = {"train": "sst5/train.parquet", "validation": "sst5/dev.parquet", "test": "sst5/test.parquet"}
"""By the hub's names of the parts; columns `text` and `label`."""

ON_THE_HUB = "SetFit/sst5"
_ESCAPES = {"-LRB-": "(", "-RRB-": ")", "-lrb-": "(", "-rrb-": ")", "\\/": "/", "\\*": "*"}

CLASSES = ("very negative", "negative", "neutral", "positive", "very positive")


def load_sst5() -> TextSet:
    """Return the sentences in the publisher's parts, as one would write them.

    Raises:
        DataNotFoundError: if they are neither in the local folder nor to be had from the Hugging Face hub.
        DataError: if a file or the hub holds something else.
    """
    parts = read_local(FILES, len(CLASSES))
    if parts is None:
        found = load_from_hub(ON_THE_HUB, ", ".join(FILES.values()))
        parts = {
            part: Texts.of(found[part]["text"], found[part]["label"], len(CLASSES), f"{ON_THE_HUB}, {part}")
            for part in FILES
        }
    written = {part: Texts([plain(text) for text in texts], labels) for part, (texts, labels) in parts.items()}
    counts = " + ".join(f"{len(texts.texts)} {part}" for part, texts in written.items())
    return TextSet(written["train"], written["validation"], written["test"], f"{counts} sentences")


def plain(text: str) -> str:
    """Return a treebank sentence as one would write it: brackets, lower-case on the hub, and escapes undone."""
    for written, meant in _ESCAPES.items():
        text = text.replace(written, meant)
    return text


SST5 = TextTask(
    name="sst5",
    description="Sentiment of a sentence of a film review, in five classes",
    data="Stanford Sentiment Treebank (whole sentences)",
    load=load_sst5,
    classes=CLASSES,
    example="A gorgeous, witty, seductive movie.",
    # Pooling, widths, start and λ are those that did best on the validation sentences.
    pooling="last4",
    head=ChainzRuleClassifier(
        (64, 64), curvature=0.1, dreg=10**-1.5, learning_rate=3e-4, batch_size=128, max_epochs=30, patience=3
    ),
)

SST5_FINE_TUNED = replace(SST5, name="sst5-finetuned", pooling="mean", head=FineTuning())
