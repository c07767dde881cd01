"""A TOML file's values with the bytes they stand in: `TomlPlaces`. What is no TOML is absent, and noted."""

from __future__ import annotations

import re
import tomllib
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wherry.check.facts.texts import Text
from wherry.dockerfile.source import Joined, Span
from wherry.project.key_lines import key_offsets
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.texts import Reader
    from wherry.dockerfile.source import Source
    from wherry.project.key_lines import KeyPath

_KEY: Final = regex(r"(?:\"(?:[^\"\\]|\\.)*+\"|'[^']*+'|[^=\n\"'])*+=[ \t]*+")
_STRING: Final = regex(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?P<basic>(?:[^"\\\n]|\\.)*+)"|\'(?P<literal>[^\'\n]*+)\'',
    re.DOTALL,
)
_OTHER: Final = regex(r"[^\n#]*")
_TABLE_HEAD: Final = regex(r"\[[^\n#]*")
_BOM: Final = b"\xef\xbb\xbf"


class TomlPlaces:
    """A parsed file.

    Attributes:
        source: The file.
        data: Its top table.

    """

    def __init__(self, source: Source, text: str, data: dict[str, object]) -> None:
        self.source = source
        self.data = data
        self._text = text
        self._start = len(_BOM) if source.data.startswith(_BOM) else 0

    @classmethod
    def parse(cls, source: Source, reader: Reader) -> TomlPlaces | None:
        """Parse *source*; None, and a note, when it is no TOML."""
        try:
            text = source.data.decode("utf-8-sig")
            return cls(source, text, tomllib.loads(text))
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]
            reader.note(source.name, f"is no TOML that can be read: {reason}")
            return None

    def get(self, *keys: str | int) -> object:
        """The value at a path; None where there is none."""
        value: object = self.data
        for key in keys:
            if isinstance(value, dict) and isinstance(key, str):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                return None
        return value

    def table(self, *keys: str | int) -> dict[str, object]:
        """The table at a path; an empty one where there is none."""
        value = self.get(*keys)
        return value if isinstance(value, dict) else {}

    def array(self, *keys: str | int) -> list[object]:
        """The array at a path; an empty one where there is none."""
        value = self.get(*keys)
        return value if isinstance(value, list) else []

    def text(self, *keys: str | int) -> Text | None:
        """The string at a path, with its place."""
        value = self.get(*keys)
        return Text(value, self.source, self.span(*keys)) if isinstance(value, str) else None

    def texts(self, *keys: str | int) -> list[Text]:
        """The strings of an array."""
        found = [self.text(*keys, index) for index in range(len(self.array(*keys)))]
        return [text for text in found if text]

    def span(self, *keys: str | int) -> Span:
        """The bytes of a value, quotes included; of a table, its header. The start when unknown."""
        start = self._value_offset(keys)
        if start is None:
            return Span(0, 0)
        found = (
            _TABLE_HEAD.match(self._text, start)
            if isinstance(self.get(*keys), dict) and self._text.startswith("[", start)
            else _STRING.match(self._text, start) or _OTHER.match(self._text, start)
        )
        end = start + len(found[0].rstrip()) if found else start
        return Span(self._byte(start), self._byte(end))

    def line_span(self, *keys: str | int) -> Span:
        """A value with the key before it."""
        start = self._offsets.get(tuple(keys))
        return self.span(*keys) if start is None else Span(self._byte(start), self.span(*keys).end)

    def inner(self, *keys: str | int) -> Joined:
        """The bytes inside a string's quotes, and where they stand."""
        start = self._value_offset(keys)
        found = _STRING.match(self._text, start) if start is not None else None
        group = next((name for name in ("basic", "literal") if found and found[name] is not None), None)
        if found is None or group is None:
            value = self.get(*keys)
            plain = value.encode("utf-8", "replace") if isinstance(value, str) else b""
            return Joined(plain, (0,), (self.span(*keys).start,))
        return Joined(found[group].encode(), (0,), (self._byte(found.start(group)),))

    @cached_property
    def _offsets(self) -> dict[KeyPath, int]:
        return key_offsets(self._text)

    @cached_property
    def _is_ascii(self) -> bool:
        return self._text.isascii()

    def _value_offset(self, keys: KeyPath) -> int | None:
        start = self._offsets.get(tuple(keys))
        if start is None or (keys and isinstance(keys[-1], int)) or self._text.startswith("[", start):
            return start
        found = _KEY.match(self._text, start)
        return found.end() if found else start

    def _byte(self, offset: int) -> int:
        inner = offset if self._is_ascii else len(self._text[:offset].encode("utf-8", "replace"))
        return self._start + inner
