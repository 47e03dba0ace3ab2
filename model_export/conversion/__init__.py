"""Networks that others have built, as networks of the library's layers."""

from model_export.conversion.conversion import Conversion, convert
from model_export.conversion.fine_tuning import FineTuned, fine_tune
from model_export.conversion.report import ConversionReport

__all__ = ["Conversion", "ConversionReport", "FineTuned", "convert", "fine_tune"]
