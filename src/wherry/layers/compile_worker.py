"""Run by the target's interpreter, on its own: sources in on stdin, bytecode out on stdout, nothing on disk.

A request is two lengths (4 bytes each, big-endian), the path to record in the code, and the source. An answer
is one length and the bytes of the .pyc; no bytes for a source that does not compile. Imports nothing of
wherry and runs on Python 3.8 and later. It never executes what it compiles.

The .pyc is PEP 552's "unchecked hash" kind: Python trusts it without looking at the source's time.
"""

import sys

if __name__ == "__main__":
    del sys.path[0]  # this directory: its modules are named like the standard library's

import importlib.util
import marshal
import struct
import warnings
from importlib.machinery import SourceFileLoader

LENGTH = struct.Struct(">I")
UNCHECKED_HASH = struct.pack("<I", 0b01)


def compiled(path: str, source: bytes) -> bytes:
    """The .pyc of *source*, or nothing: as compileall, a file that does not compile is passed over."""
    try:
        code = SourceFileLoader("<wherry>", path).source_to_code(source, path)
    except Exception:  # noqa: BLE001 - SyntaxError, ValueError, RecursionError, MemoryError: compileall takes them all
        return b""
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def main() -> None:
    """Answer requests until there are no more."""
    warnings.simplefilter("ignore")
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        lengths = requests.read(2 * LENGTH.size)
        if not lengths:
            return
        path_bytes, source_bytes = struct.unpack(">II", lengths)
        path = requests.read(path_bytes).decode("utf-8")
        bytecode = compiled(path, requests.read(source_bytes))
        answers.write(LENGTH.pack(len(bytecode)))
        answers.write(bytecode)
        answers.flush()


if __name__ == "__main__":
    main()
