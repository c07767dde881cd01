"""What the user wrote: ``[tool.wherry]``, locks, the source tree, the command. Nothing is imported or run.

A complaint names the file, and the line where there is one. Locks of every tool become one model (`locks`);
where only uv can tell, uv is run as a program.
"""
