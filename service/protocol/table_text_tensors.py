"""A table with a text as two tensors of an infer request."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from service.errors import MalformedRequestError, WrongTypeError
from service.inference.rows import add_texts, check_codes
from service.inference.tokenizer import TextTokenizer
from service.inputs import TableInput, TextFeature
from service.protocol.infer_request import RequestTensor
from service.protocol.table_tensors import read_numbers
from service.protocol.tensor_data import Taken, parts_of
from service.protocol.text_tensors import read_texts


class TableTextTensors:
    """Reads the inputs of a model of tables with a text: the text's column by its name, all others as one tensor.

    Args:
        table: what the model takes.
        text: the text in it.
        tokenizer: the model's.
        max_rows: most rows in one request.
    """

    heavy: ClassVar = True

    def __init__(self, table: TableInput, text: TextFeature, tokenizer: TextTokenizer, max_rows: int) -> None:
        self.names = (table.tensor, text.name)
        self._table = table
        self._column = table.names.index(text.name)
        self._tokenizer = tokenizer
        self._max_rows = max_rows

    def read(self, tensors: Sequence[RequestTensor], binary: memoryview) -> Taken:
        """Return the rows of a tensor of numbers [N, features - 1] and one of texts [N], and which texts were cut.

        A text with nothing in it is missing.

        Raises:
            ServiceError: if a datatype, shape or data is wrong, or a value is.
        """
        (numbers, its_bytes), (texts, their_bytes) = sorted(
            zip(tensors, parts_of(tensors, binary), strict=True), key=lambda pair: self.names.index(pair[0].name)
        )
        others = read_numbers(numbers, its_bytes, len(self._table.features) - 1, self._max_rows)
        said = read_texts(texts, their_bytes, self._max_rows)
        if len(others) != len(said):
            raise WrongTypeError(
                f"{numbers.name} has {len(others)} rows and {texts.name} {len(said)}: send one text a row",
                field=texts.name,
            )
        rows = np.insert(others, self._column, np.nan, axis=1)
        check_codes(rows, self._table)
        return Taken(*add_texts(rows, said, self._table, self._tokenizer))

    def read_raw(self, _binary: memoryview) -> Taken:
        """Refuse a body without JSON: nothing says where its numbers end and its texts begin.

        Raises:
            MalformedRequestError: always.
        """
        raise MalformedRequestError(
            f"the model takes the inputs {' and '.join(self.names)}: send JSON, which says how many bytes each has"
        )
