"""Training: from a raw table to a fitted network."""

from model_export.training.estimator import ChainzRuleClassifier
from model_export.training.ordinal_estimator import ChainzRuleOrdinalClassifier
from model_export.training.regressor import ChainzRuleRegressor
from model_export.training.schedule import Schedule

__all__ = ["ChainzRuleClassifier", "ChainzRuleOrdinalClassifier", "ChainzRuleRegressor", "Schedule"]
