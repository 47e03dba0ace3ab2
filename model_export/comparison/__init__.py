"""What changes between two versions of a model, on labelled rows: `chainzrule compare`."""
