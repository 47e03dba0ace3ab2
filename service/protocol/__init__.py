"""The HTTP face: translates requests to the core and its answers and errors back."""
