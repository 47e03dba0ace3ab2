"""Reliability: what is fitted on held-out rows so that a prediction can say how far to trust it."""

from model_export.reliability.confidence import Confidence, fit_temperature
from model_export.reliability.conformal import ConformalScale
from model_export.reliability.difficulty import Difficulty
from model_export.reliability.signature import Signature
from model_export.reliability.tail import TailScale

__all__ = ["Confidence", "ConformalScale", "Difficulty", "Signature", "TailScale", "fit_temperature"]
