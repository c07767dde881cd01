"""What is known of a scope's variables, as one mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.dockerfile.stages import Scope


class KnownVariables(Mapping[str, str]):
    """The variables of a scope whose values depend on nothing unknown; a view, which copies nothing.

    Args:
        scope: The scope.
        with_args: ARG too, as a RUN sees it; else only ENV, as a container does.

    """

    __slots__ = ("_scope", "_variables")

    def __init__(self, scope: Scope, *, with_args: bool = True) -> None:
        self._scope = scope
        self._variables = scope.variables if with_args else scope.env

    def __repr__(self) -> str:
        return f"KnownVariables({dict(self)!r})"

    def __getitem__(self, name: str) -> str:
        if not self._scope.is_known(name):
            raise KeyError(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._variables if self._scope.is_known(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)
