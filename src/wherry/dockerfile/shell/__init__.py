"""The shell inside RUN, CMD and ENTRYPOINT: commands and words that know their bytes of the file.

`read_instruction` reads any form: shell, JSON, heredocs. Words are taken apart here as a shell does it; what
is left then, operators and keywords, is for tree-sitter's bash grammar to understand. Any text is read, in
bounded time and memory; what is no shell script is said to be none.
"""

from wherry.dockerfile.shell.model import Command, HereDocument, Redirect, Script, Word, program_name
from wherry.dockerfile.shell.quoting import expand_in
from wherry.dockerfile.shell.read import read_instruction, read_script
from wherry.dockerfile.shell.segments import removal_spans

__all__ = [
    "Command",
    "HereDocument",
    "Redirect",
    "Script",
    "Word",
    "expand_in",
    "program_name",
    "read_instruction",
    "read_script",
    "removal_spans",
]
