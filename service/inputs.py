"""What a model takes: rows of numbers, texts or images, as its manifest says."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from service.features import (
    CategoricalFeature,
    ClassName,
    Column,
    DateFeature,
    EncodedText,
    Feature,
    FeatureName,
    Part,
    TextFeature,
    once,
)

__all__ = [
    "CategoricalFeature",
    "Channel",
    "ClassName",
    "Column",
    "DateFeature",
    "EncodedText",
    "Feature",
    "ImageInput",
    "Input",
    "Part",
    "TableInput",
    "TextFeature",
    "TextInput",
    "once",
    "text_of",
]


def _named_once(features: tuple[Column, ...]) -> tuple[Column, ...]:
    once(tuple(feature.name for feature in features))
    return features


class TableInput(Part):
    """Rows of values, sent by feature name or as lists in this order; one FP32 tensor [N, features] in the graph.

    Which number stands for a category, a date or a text, `CategoricalFeature`, `DateFeature` and `TextFeature` say. The
    graph takes the text's tokens besides.
    """

    kind: Literal["table"] = "table"
    tensor: str = "features"
    features: Annotated[tuple[Column, ...], AfterValidator(_named_once)] = Field(min_length=1)
    clamp: float = Field(gt=0, description="features count as at most this many standard deviations from the mean")
    ignored: tuple[FeatureName, ...] = Field(
        (), description="columns of the training file that the model does without; rows by name may have them"
    )

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        texts = [feature.name for feature in self.features if isinstance(feature, TextFeature)]
        if len(texts) > 1:
            raise ValueError(f"a table has one text at most, not {', '.join(texts)}")
        if self.tensor in texts:
            raise ValueError(f"a tensor is called {self.tensor}, and so is the text: call one of them something else")
        return self

    @model_validator(mode="after")
    def _ignored_are_others(self) -> Self:
        once((*self.names, *self.ignored))
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `ignored` out where nothing is: such manifests are written as they always were."""
        written: dict[str, Any] = write(self)
        if not self.ignored:
            del written["ignored"]
        return written

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the tensor's order."""
        return tuple(feature.name for feature in self.features)

    @property
    def numbers_alone(self) -> bool:
        """Whether every feature is a number, and rows have nothing else."""
        return not self.ignored and all(isinstance(feature, Feature) for feature in self.features)

    @property
    def text(self) -> TextFeature | None:
        """The text, where there is one."""
        return next((feature for feature in self.features if isinstance(feature, TextFeature)), None)

    @property
    def gradient_shape(self) -> tuple[int, ...]:
        """The shape of a row's sensitivity: [features]."""
        return (len(self.features),)


class TextInput(EncodedText):
    """Texts and nothing else; all signals are with respect to the embedding."""

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


def text_of(taken: Input) -> EncodedText | None:
    """Return what a model takes texts as, alone or beside other columns; None where it takes none."""
    match taken:
        case TextInput():
            return taken
        case TableInput():
            return taken.text
        case ImageInput():
            return None
