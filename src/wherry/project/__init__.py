"""What the user wrote: ``[tool.wherry]``, lock files, the source tree, the entry command. Nothing is ever imported or run."""
