"""`python -m model_export` is `chainzrule`."""

from model_export.cli import main

main()
