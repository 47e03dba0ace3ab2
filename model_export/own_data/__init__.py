"""A user's own file, from its columns to a fitted network and its version folder."""
