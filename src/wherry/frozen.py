"""Values that are equal to another of the same fields, frozen most of them, and quick to define.

A frozen dataclass writes and compiles six functions whenever its module is read: half a millisecond each, at
every start of a program. A `Frozen` is a struct of msgspec's and takes a fiftieth of that.
"""

from __future__ import annotations

import threading
from typing import Final, TypeVar, dataclass_transform

import msgspec

T = TypeVar("T")

_LOCK: Final = threading.Lock()
_READY: Final[set[object]] = set()


def ready(kind: type[T]) -> type[T]:
    """*kind*, fit to be decoded by any thread: ``msgspec.json.decode(data, type=ready(Entry))``.

    msgspec 0.22 works out what a struct holds when it is first decoded. A thread that decodes it meanwhile
    reads what is not there yet, and the process dies. So it is worked out here, by one thread at a time.
    """
    if kind not in _READY:
        with _LOCK:
            msgspec.json.Decoder(kind)
            _READY.add(kind)
    return kind


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, frozen=True):
    """A value: ``class Point(Frozen)``, and its fields as in a dataclass.

    With ``eq=False`` each is equal to itself only; with ``dict=True`` it can keep what a
    `functools.cached_property` worked out. `msgspec.structs.replace` makes a changed copy.
    """


@dataclass_transform(field_specifiers=(msgspec.field,))
class Record(msgspec.Struct):
    """The same, but filled in while it is made: a walk's figures, what is found line by line."""
