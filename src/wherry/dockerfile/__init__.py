"""Dockerfiles and ``.dockerignore`` as Docker's own builder reads them.

A Dockerfile becomes a syntax tree that loses nothing: every value knows the bytes it stands on. What
BuildKit refuses is refused, at the same line; what it accepts is accepted. On the tree stand the stages with
what is in force in them, and the shell inside RUN. Pure: bytes in, values out. It never opens a file.

Begin at :func:`wherry.dockerfile.parser.parse`.
"""
