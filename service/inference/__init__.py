"""The core: models, the repository that holds them, and running them. Knows no HTTP."""
