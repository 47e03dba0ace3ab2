"""Networks that others have built, as networks of the library's layers."""

from model_export.conversion.conversion import Conversion, convert

__all__ = ["Conversion", "convert"]
