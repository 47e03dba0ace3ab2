"""The graph: everything a row is answered with, as one module, made small, exported and verified."""
