"""Several processes that answer on one address: who starts them, and who adds up their metrics."""
