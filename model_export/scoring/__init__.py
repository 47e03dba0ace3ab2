"""Scoring in bulk: files of any size, in bounded memory, resumed where they stopped; needs pyarrow and no torch."""
