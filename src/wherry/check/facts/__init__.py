"""What is so, computed once and shared by all rules: facts of a Dockerfile and of what stands beside it.

A fact says what was found and where, never whether it is good. Nothing here is printed, and nothing fails on
what a team has written: what cannot be read is absent, and said in `Facts.notes`. Begin with `facts.Facts`;
each module's docstring says what its facts give. Of the Dockerfile: `stages`, `runs`, `installs.model`,
`copies`, `bases`, `variables`, `endings`, `commands`, `downloads`, `python_code`, `secrets`, `image`. Of the
files beside: `context`, `requirements`, `pyproject`, `locks`, `torch`, `imports`, `compose`, `kubernetes`,
`workflows`.
"""

from wherry.check.facts.facts import Facts

__all__ = ["Facts"]
