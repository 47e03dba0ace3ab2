"""What a model takes: rows of numbers, texts or images, as its manifest says."""

from typing import Annotated, ClassVar, Literal, Self
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


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


ClassName = Annotated[str, AfterValidator(_sayable)]
FeatureName = Annotated[ClassName, AfterValidator(_writable)]


class Feature(Part):
    """One number a client sends, in the unit it was trained in."""

    name: FeatureName
    unit: str | None = None
    minimum: float = Field(description="smallest known value among the training rows")
    maximum: float = Field(description="largest known value among the training rows")
    mean: float = Field(description="mean of the known training values; stands in for a missing one")
    standard_deviation: float = Field(gt=0, description="one unit of sensitivity and boundary_distance")
    may_be_missing: bool = Field(description="whether null is accepted")
    missing_ratio: float = Field(ge=0, le=1, description="share of the training rows without a value")
    example: float = Field(description="a usual value, the training median")


def once(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that stands twice: answers are objects by name."""
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"each name may stand once, and {', '.join(sorted(twice))} stands more often")
    return names


def _named_once(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    once(tuple(feature.name for feature in features))
    return features


class TableInput(Part):
    """Rows of numbers, sent by feature name or as lists in this order; one FP32 tensor [N, features] in the graph."""

    kind: Literal["table"] = "table"
    tensor: str = "features"
    features: Annotated[tuple[Feature, ...], AfterValidator(_named_once)] = Field(min_length=1)
    clamp: float = Field(gt=0, description="features count as at most this many standard deviations from the mean")

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the tensor's order."""
        return tuple(feature.name for feature in self.features)

    @property
    def gradient_shape(self) -> tuple[int, ...]:
        """The shape of a row's sensitivity: [features]."""
        return (len(self.features),)


class TextInput(Part):
    """Texts; the graph takes their tokens, INT64 [N, tokens] each, and turns them into an embedding first.

    Tokens are what `tokenizer.json` beside the graph makes of a text, its own template of special tokens included; a
    text of more tokens is cut. All signals are with respect to the embedding.
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

    @property
    def gradient_shape(self) -> tuple[int, ...]:
        """The shape of a row's sensitivity: [dimensions], per training deviation of each."""
        return (self.dimensions,)


class Channel(Part):
    """One channel of an image, in units of the pixel values 0 to 255."""

    name: str
    mean: float
    standard_deviation: float = Field(gt=0, description="one unit of sensitivity and boundary_distance")


class ImageInput(Part):
    """Images of one size, sent as PNG, JPEG or numbers; one UINT8 tensor [N, height, width, channels] in the graph."""

    MODES: ClassVar = {"L": ("grey",), "RGB": ("red", "green", "blue")}

    kind: Literal["image"] = "image"
    tensor: str = "image"
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    mode: Literal["L", "RGB"] = Field(description="grey, or colour, as Pillow calls them")
    channels: tuple[Channel, ...] = Field(min_length=1, description="one for L, three for RGB")
    resize: Literal["refuse", "stretch", "crop"] = Field(
        description="what becomes of a PNG or JPEG of another size: an error; scaled to this one, whatever its "
        "proportions; scaled until it covers it, its middle kept. Arrays and tensors must have it"
    )

    @model_validator(mode="after")
    def _one_channel_each(self) -> Self:
        names = tuple(channel.name for channel in self.channels)
        if names != self.MODES[self.mode]:
            raise ValueError(f"mode {self.mode} has the channels {', '.join(self.MODES[self.mode])}, not {names}")
        return self

    @property
    def gradient_shape(self) -> tuple[int, ...]:
        """The shape of a row's sensitivity: [height, width, channels]."""
        return (self.height, self.width, len(self.channels))


Input = Annotated[TableInput | TextInput | ImageInput, Field(discriminator="kind")]
