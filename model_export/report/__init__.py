"""A page to look at after training: how the exported version does on held-out rows, in one self-contained file."""
