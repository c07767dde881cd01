"""What the user wrote: ``[tool.wherry]``, locks, the source tree, the command. Nothing is imported or run."""
