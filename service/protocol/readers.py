"""What reads the instances that a model takes, by the kind of its input."""

from service.inference.model import Model
from service.inference.rows import RowLimits
from service.inputs import ImageInput, TableInput, TextInput
from service.protocol.images import ImageReader
from service.protocol.instances import TableReader
from service.protocol.predict_codec import Reader
from service.protocol.records import RecordReader, TextRecordReader
from service.protocol.texts import TextReader


def reader_for(model: Model, limits: RowLimits) -> Reader:
    """Return the reader of `{"instances": [...]}` for a model.

    Args:
        model: of tables, texts or images.
        limits: what may be in one request.
    """
    taken = model.manifest.input
    match taken:
        case TableInput():
            if taken.text is not None:
                return TextRecordReader(taken, taken.text, model.tokenizer, limits.rows)
            return (TableReader if taken.numbers_alone else RecordReader)(taken, limits.rows)
        case TextInput():
            return TextReader(taken, model.tokenizer, limits.rows)
        case ImageInput():
            return ImageReader(taken, limits)
