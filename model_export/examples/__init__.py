"""Worked examples: each a script that can be read from top to bottom and run as it stands."""
