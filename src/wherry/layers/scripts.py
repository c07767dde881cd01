"""Scripts as pip writes them: entry points, ``#!python`` first lines, interpreters with awkward paths."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from wherry.layers.paths import path_problem

PLACEHOLDER: Final = b"#!python"
MAX_REWRITTEN_BYTES: Final = 16 << 20
_MAX_SHEBANG_BYTES: Final = 127  # the kernel's limit; distlib's rule

_VALUE: Final = re.compile(r"(?P<module>\w+(?:\.\w+)*):(?P<attr>\w+(?:\.\w+)*)\s*(?:\[[^\[\]]*\])?\s*")


class ScriptError(Exception):
    """An entry point cannot be made a script. Whoever knows the wheel's name makes an InputError of it."""


class EntryPoint(NamedTuple):
    """One script that installing makes."""

    name: str
    module: str
    attr: str


def read_entry_points(text: str, python: tuple[int, int] | None) -> tuple[EntryPoint, ...]:
    """The console and GUI scripts that ``entry_points.txt`` asks for.

    Args:
        text: Of the file.
        python: Of the target: pip and easy_install get names with its version. None: without those.

    Raises:
        ScriptError: One of them has no usable name or callable.

    """
    sections = _sections(text)
    console, gui = sections["console_scripts"], sections["gui_scripts"]
    console = _versioned(console, python)
    return tuple(_entry_point(name, value) for name, value in (console | gui).items())


def script(entry_point: EntryPoint, interpreter: str) -> bytes:
    """The script that calls *entry_point*, byte for byte pip's (26.0 and later).

    Args:
        entry_point: What to call.
        interpreter: Absolute path inside the image.

    """
    imported = entry_point.attr.split(".")[0]
    body = (
        "import sys\n"
        f"from {entry_point.module} import {imported}\n"
        "if __name__ == '__main__':\n"
        "    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n"
        f"    sys.exit({entry_point.attr}())\n"
    )
    return _first_line(interpreter) + body.encode()


def rewritten(content: bytes, interpreter: str) -> bytes:
    """A script of the wheel with its ``#!python`` line replaced as pip does: by the path, however long."""
    _, _, rest = content.partition(b"\n")
    return f"#!{interpreter}\n".encode() + rest


def _first_line(interpreter: str) -> bytes:
    """``#!`` and the interpreter; where the kernel could not read that, distlib's way through ``/bin/sh``."""
    path = interpreter.encode()
    if b" " not in path and len(path) + 3 <= _MAX_SHEBANG_BYTES:
        return b"#!" + path + b"\n"
    quoted = b'"' + path + b'"' if b" " in path else path
    return b"#!/bin/sh\n'''exec' " + quoted + b' "$0" "$@"\n' + b"' '''\n"


def _sections(text: str) -> dict[str, dict[str, str]]:
    """The two sections that are scripts, read as ``importlib.metadata`` does for pip."""
    sections: dict[str, dict[str, str]] = {"console_scripts": {}, "gui_scripts": {}}
    section = None
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = sections.get(line.strip("[]"))
        elif section is not None:
            name, equals, value = map(str.strip, line.partition("="))
            if not equals:
                raise ScriptError(f"entry_points.txt has a line that is no entry point: {line[:80]}")
            section[name] = value
    return sections


def _versioned(console: dict[str, str], python: tuple[int, int] | None) -> dict[str, str]:
    """Wheels of pip and setuptools serve every Python, so pip makes their versioned names itself."""
    major, full = (f"{python[0]}", f"{python[0]}.{python[1]}") if python else ("", "")
    families = {
        "pip": (r"pip(\d+(\.\d+)?)?", ("pip", f"pip{major}", f"pip{full}")),
        "easy_install": (
            r"easy_install(-\d+\.\d+)?",
            ("easy_install", f"easy_install-{full}" if full else "easy_install"),
        ),
    }
    for name, (pattern, made) in families.items():
        if value := console.get(name):
            others = {key: other for key, other in console.items() if not re.fullmatch(pattern, key)}
            console = dict.fromkeys(made, value) | others
    return console


def _entry_point(name: str, value: str) -> EntryPoint:
    match = _VALUE.fullmatch(value)
    if not match:
        raise ScriptError(f"its entry point {name[:80]} = {value[:80]} names no callable")
    if "/" in name or not name.strip() or re.search(r"\s|^\[", name) or path_problem(name):
        raise ScriptError(f"its entry point {name[:80]!r} has a name that no script can have")
    return EntryPoint(name, match["module"], match["attr"])
