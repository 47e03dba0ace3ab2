"""Everything the offline half refuses, each error saying what was wrong, where, and what to do."""


class ModelExportError(Exception):
    """The base of this module's errors; the command line prints one as a sentence, without a traceback."""


class DataError(ModelExportError, ValueError):
    """A table or its labels cannot be learned from as they are."""


class DataNotFoundError(ModelExportError):
    """A public data set is neither in the local folder nor to be had from its source."""


class ExportError(ModelExportError):
    """A network cannot be turned into a version folder."""


class ConversionError(ModelExportError, ValueError):
    """A torch module has a part, named by its path, that the library's layers cannot stand for."""


class VerificationError(ModelExportError):
    """An exported graph does not do what its manifest or its network says."""


class EncoderError(ModelExportError):
    """A folder does not hold an encoder of texts that can be exported and served."""


class ScoringError(ModelExportError):
    """A table cannot be scored in bulk as it is, or not into that folder."""
