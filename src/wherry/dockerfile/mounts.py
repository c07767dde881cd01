"""What stands behind ``--mount=`` and ``--device=``: fields between commas, as a line of CSV."""

from __future__ import annotations

from typing import Final

from wherry.dockerfile.syntax import shown
from wherry.regex import regex

_VARIABLE: Final = regex(r"\$.")
_BOOLEANS: Final = frozenset(
    ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"]
)


class FieldsError(ValueError):
    """Fields that BuildKit refuses. The message says why."""


def split_fields(value: str) -> list[str]:
    """The fields between commas; one in double quotes may hold commas, and ``""`` for a quote.

    Raises:
        FieldsError: There are none, or quotes stand where CSV has none.

    """
    if not value:
        raise FieldsError("it has no value")
    fields: list[str] = []
    at = 0
    while True:
        field, at = _quoted(value, at + 1) if value.startswith('"', at) else _plain(value, at)
        fields.append(field)
        if at == len(value):
            return fields
        at += 1  # the comma


def _plain(value: str, start: int) -> tuple[str, int]:
    end = value.find(",", start)
    end = len(value) if end < 0 else end
    if '"' in value[start:end]:
        raise FieldsError("a quote stands inside of a field")
    return value[start:end], end


def _quoted(value: str, start: int) -> tuple[str, int]:
    pieces: list[str] = []
    while (end := value.find('"', start)) >= 0:
        pieces.append(value[start:end])
        start = end + 1
        if start == len(value) or value[start] == ",":
            return "".join(pieces), start
        if value[start] != '"':
            break
        pieces.append('"')
        start += 1
    raise FieldsError("a quoted field does not end with its quote")


def check_mount(value: str) -> None:
    """Refuse what BuildKit's parser refuses; what a field may say is judged when it is built.

    Raises:
        FieldsError: Quotes stand where CSV has none, or ``from=`` holds a variable.

    """
    for field in split_fields(value):
        name, _, said = field.partition("=")
        if name.lower() == "from" and _VARIABLE.search(said):
            raise FieldsError("from= takes no variable: give FROM the variable, and its stage a name")


def check_device(value: str) -> None:
    """Refuse what BuildKit's parser refuses of a device.

    Raises:
        FieldsError: Quotes stand where CSV has none, or a field is none of a device.

    """
    device = ""
    for field in split_fields(value):
        name, equals, said = field.partition("=")
        name = name.lower()
        if name == "required":
            if equals and said not in _BOOLEANS:
                raise FieldsError(f"required is {shown(said)}, neither true nor false")
        elif name == "name" and equals:
            if device:
                raise FieldsError("it has two names")
            device = said
        elif device:
            raise FieldsError(f"{shown(field)} is no field of a device, which are name and required")
        else:
            device = field
