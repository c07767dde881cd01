"""Docker's own file formats, with Moby's exact semantics: ``.dockerignore`` and its patterns.

Pure: text in, verdicts on paths out. It never opens a file.
"""
