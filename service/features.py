"""What a table's columns are: numbers, categories, dates and texts, and which number stands for each in the tensor."""

from typing import Annotated, Any, Final, Literal
from unicodedata import category

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
)

from service.dates import date_of, days_of

UNSEEN: Final = -1.0
"""Stands in the tensor for a category that training did not have; NaN stands for one that is missing."""


class Part(BaseModel):
    """A part of a manifest: it never changes, and knows every field that it has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _sayable(name: str) -> str:
    """Refuse a name that nobody could read in an answer."""
    if not name.strip() or any(category(character) == "Cc" for character in name):
        raise ValueError(f"{name!r} is no name: it must not be blank and must hold no control character")
    return name


def _writable(name: str) -> str:
    """Refuse what JSON has to escape: the decoder of rows by name cannot be compiled for it."""
    if '"' in name or "\\" in name:
        raise ValueError(f"{name!r} holds a quotation mark or a backslash: rename the column, and export it again")
    return name


def once(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that stands twice: answers are objects by name."""
    if len(set(names)) < len(names):
        twice = {name for name in names if names.count(name) > 1}
        raise ValueError(f"each name may stand once, and {', '.join(sorted(twice))} stands more often")
    return names


def _a_date(text: str) -> str:
    days_of(text)
    return text


ClassName = Annotated[str, AfterValidator(_sayable)]
FeatureName = Annotated[ClassName, AfterValidator(_writable)]
Date = Annotated[str, AfterValidator(_a_date)]


class Feature(Part):
    """One number a client sends, in the unit it was trained in."""

    kind: Literal["number"] = "number"
    name: FeatureName
    unit: str | None = None
    minimum: float = Field(description="smallest known value among the training rows")
    maximum: float = Field(description="largest known value among the training rows")
    mean: float = Field(description="mean of the known training values; stands in for a missing one")
    standard_deviation: float = Field(gt=0, description="one unit of sensitivity and boundary_distance")
    may_be_missing: bool = Field(description="whether null is accepted")
    missing_ratio: float = Field(ge=0, le=1, description="share of the training rows without a value")
    example: float = Field(description="a usual value, the training median")

    @model_serializer(mode="wrap")
    def _as_before_there_were_kinds(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the kind of a number out: manifests are written as they were when tables held nothing else."""
        written: dict[str, Any] = write(self)
        del written["kind"]
        return written

    @property
    def bounds(self) -> tuple[float, float]:
        """The training range in the tensor."""
        return self.minimum, self.maximum

    @property
    def usual(self) -> float:
        """The example in the tensor."""
        return self.example


class CategoricalFeature(Part):
    """One text of a known few; the tensor holds its index among them, -1 for an unseen one and NaN where it is missing.

    Its sensitivity is the norm of the gradient over the columns that the graph makes of it: it says how much the
    prediction leans on the category, and has no sign.
    """

    kind: Literal["category"]
    name: FeatureName
    categories: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="those of the training rows, the most frequent first"
    )
    boolean: bool = Field(False, description='whether the categories are "true" and "false", and JSON\'s own are taken')
    may_be_missing: bool = Field(description="whether null is accepted")
    missing_ratio: float = Field(ge=0, le=1, description="share of the training rows without a value")
    example: str = Field(description="a usual value, the most frequent category")
    description: str | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The training range in the tensor: every category but an unseen one."""
        return 0.0, len(self.categories) - 1.0

    @property
    def usual(self) -> float:
        """The example in the tensor."""
        return float(self.categories.index(self.example))


class DateFeature(Part):
    """One date, sent as ISO 8601 text; the tensor holds the days since 1970, a time of day as a fraction.

    float32 tells days apart for as long as there are years of four digits, and times of day to some minutes. Its
    sensitivity is the norm of the gradient over its parts (trend, time of the year, of the week and of the day), and
    has no sign.
    """

    kind: Literal["date"]
    name: FeatureName
    earliest: Date = Field(description="the first among the training rows")
    latest: Date = Field(description="the last among the training rows")
    times: bool = Field(False, description="whether the time of day counts")
    mean: float = Field(description="mean of the training rows, in days since 1970")
    standard_deviation: float = Field(gt=0, description="in days")
    may_be_missing: bool = Field(description="whether null is accepted")
    missing_ratio: float = Field(ge=0, le=1, description="share of the training rows without a value")
    example: Date = Field(description="a usual value, the training median")

    @property
    def bounds(self) -> tuple[float, float]:
        """The training range in the tensor."""
        return days_of(self.earliest), days_of(self.latest)

    @property
    def usual(self) -> float:
        """The example in the tensor."""
        return days_of(self.example)

    def written(self, days: float) -> str:
        """Return the text of a date in the tensor."""
        return date_of(days, times=self.times)


class EncodedText(Part):
    """How a text reaches a graph: as the tokens, INT64 [N, tokens], that it turns into an embedding first.

    Tokens are what `tokenizer.json` beside the graph makes of a text, its own template of special tokens included; a
    text of more tokens is cut.
    """

    kind: Literal["text"] = "text"
    ids: str = Field("input_ids", description="the graph's input of token numbers")
    mask: str = Field("attention_mask", description="the graph's input that is 1 for tokens and 0 for padding")
    embedding: str = Field("embedding", description="the graph's inner tensor [N, dimensions] that the head takes")
    encoder: str = Field(description="what made the embedding: the encoder's name, its pooling, its precision")
    dimensions: int = Field(ge=1, description="of the embedding")
    max_tokens: int = Field(ge=3, description="a text of more tokens, special ones included, is cut")
    padding: int = Field(ge=0, description="token number that fills up the shorter texts of a batch")
    example: str = Field(min_length=1, description="a usual text")


class TextFeature(EncodedText):
    """One text beside other columns; the tensor holds how many tokens it has, NaN where it is missing.

    Of that number the graph only looks at whether it is there: the mean of the training embeddings stands in for that
    of a missing text, whose tokens may be any. Its sensitivity is the norm of the gradient over its embedding, and has
    no sign.
    """

    name: FeatureName
    shortest: int = Field(ge=1, description="fewest tokens of a training text, special ones included")
    longest: int = Field(ge=1, description="most tokens of a training text, once it is cut")
    may_be_missing: bool = Field(description="whether null and texts with nothing in them are accepted")
    missing_ratio: float = Field(ge=0, le=1, description="share of the training rows without a text")

    @property
    def bounds(self) -> tuple[float, float]:
        """The training range in the tensor."""
        return float(self.shortest), float(self.longest)

    @property
    def usual(self) -> float:
        """A text's number of tokens in the tensor."""
        return float(self.longest)


def _kind(feature: Any) -> str:
    kind: str = feature.get("kind", "number") if isinstance(feature, dict) else feature.kind
    return kind


Column = Annotated[
    Annotated[Feature, Tag("number")]
    | Annotated[CategoricalFeature, Tag("category")]
    | Annotated[DateFeature, Tag("date")]
    | Annotated[TextFeature, Tag("text")],
    Discriminator(_kind),
]
"""One value that a client sends of each row. One without a kind is a number."""
