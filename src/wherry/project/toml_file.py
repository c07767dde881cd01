"""A TOML file whose every value knows the line it came from, so that a complaint can say where."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError
from wherry.project.key_lines import key_lines
from wherry.project.small_file import as_text, read_small_file

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.project.key_lines import KeyPath

MAX_BYTES: Final = 4 * 1024 * 1024
"""A pyproject.toml larger than this is not one."""

_PARSER_PLACE: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class TomlFile:
    """One TOML file, read and parsed."""

    path: Path  # as messages name it
    text: str
    data: dict[str, object]

    @classmethod
    def read(cls, path: Path) -> TomlFile:
        """Read and parse *path*.

        Raises:
            InputError: It cannot be read, is larger than 4 MiB, is not UTF-8, or is not TOML.

        """
        text = as_text(read_small_file(path, MAX_BYTES), path)
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _not_toml(path, str(error)) from None
        except RecursionError:
            raise InputError("the file nests values too deeply", where=str(path)) from None
        except ValueError as error:  # an integer of more digits than Python converts
            raise _not_toml(path, str(error)) from None
        return cls(path, text, data)

    @property
    def root(self) -> Node:
        """The top table."""
        return Node(self, (), self.data)

    @cached_property
    def lines(self) -> dict[KeyPath, int]:
        """The line of every key; walked only when a message needs one."""
        return key_lines(self.text)


@dataclass(frozen=True)
class Node:
    """One value in a file, with the path of keys that leads to it."""

    file: TomlFile
    keys: KeyPath
    value: object

    @property
    def line(self) -> int:
        """The line of the value's key, or of the nearest thing above it that has one; at least 1."""
        for length in range(len(self.keys), 0, -1):
            if self.keys[:length] in self.file.lines:
                return self.file.lines[self.keys[:length]]
        return 1

    @property
    def where(self) -> str:
        """``pyproject.toml:12``."""
        return f"{self.file.path}:{self.line}"

    @property
    def name(self) -> str:
        """The value's path as a user writes it, below ``[tool.wherry]`` without that prefix."""
        keys = self.keys[2:] if self.keys[:2] == ("tool", "wherry") and len(self.keys) > 2 else self.keys  # noqa: PLR2004 - the two words just compared
        text = ""
        for key in keys:
            text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
        return text

    def fail(self, what: str, mend: str = "") -> InputError:
        """The error that says *what* is wrong with this value."""
        return InputError(what, where=self.where, mend=mend)

    def expected(self, kind: str, mend: str = "") -> InputError:
        """The error for a value of the wrong type."""
        return self.fail(f"{self.name} must be {kind}, not {_kind_of(self.value)}", mend)

    def get(self, *keys: str) -> Node | None:
        """The value below, or None where a key on the way is absent.

        Raises:
            InputError: A key on the way is there but is not a table.

        """
        node = self
        for key in keys:
            table = node.table()
            if key not in table:
                return None
            node = Node(node.file, (*node.keys, key), table[key])
        return node

    def table(self) -> dict[str, object]:
        """The value as a table."""
        if not isinstance(self.value, dict):
            raise self.expected("a table")
        return self.value

    def items(self) -> list[tuple[str, Node]]:
        """The entries of a table."""
        return [(key, Node(self.file, (*self.keys, key), value)) for key, value in self.table().items()]

    def elements(self, kind: str = "a list") -> list[Node]:
        """The elements of an array."""
        if not isinstance(self.value, list):
            raise self.expected(kind)
        return [Node(self.file, (*self.keys, index), value) for index, value in enumerate(self.value)]

    def text(self) -> str:
        """The value as a string."""
        if not isinstance(self.value, str):
            raise self.expected("a string")
        return self.value

    def texts(self) -> list[str]:
        """The value as a list of strings."""
        return [element.text() for element in self.elements("a list of strings")]


def _not_toml(path: Path, message: str) -> InputError:
    place = _PARSER_PLACE.search(message)
    line = f":{place.group(1)}" if place and place.group(1) else ""
    reason = _PARSER_PLACE.sub("", message)
    return InputError(f"not valid TOML: {reason[:120]}", where=f"{path}{line}")


def _kind_of(value: object) -> str:
    kinds: list[tuple[type, str]] = [
        (bool, "a boolean"),
        (int, "a number"),
        (float, "a number"),
        (str, "a string"),
        (list, "a list"),
        (dict, "a table"),
    ]
    return next((name for kind, name in kinds if isinstance(value, kind)), "a date or time")
