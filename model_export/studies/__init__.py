"""Studies: what the reliability signals are worth, measured beside their peers."""
