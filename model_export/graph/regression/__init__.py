"""The graph of a model of numbers: what it answers, how that is calibrated, written, and checked."""
