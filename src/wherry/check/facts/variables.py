"""ENV, ARG and LABEL one by one: `Variable`, with the bytes of its name and its value.

`stage.variables` has those of a stage, `facts.variables` those of the whole file with the ARGs before FROM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.facts.expanding import expanded
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wherry.dockerfile.syntax import Instruction


class Variable(Frozen):
    """One name that an ENV, ARG or LABEL sets.

    Attributes:
        kind: ``env``, ``arg`` or ``label``.
        name: Without quotes.
        raw: The value as written, quotes and all; None of an ARG without a default.
        value: The value with its quotes removed and what is known expanded; empty when there is none.
        is_known: Nothing of it depends on what is not known.
        instruction: The ENV, ARG or LABEL.
        name_span: The bytes of the name.
        value_span: Those of the value, quotes included; None when there is none.

    """

    kind: str
    name: str
    raw: str | None
    value: str
    is_known: bool
    instruction: Instruction
    name_span: Span
    value_span: Span | None

    @property
    def span(self) -> Span:
        """Name and value."""
        return Span(self.name_span.start, (self.value_span or self.name_span).end)

    def refers_to(self, name: str) -> bool:
        """Its value names another variable, or itself: ``$PATH``, ``${PATH}``."""
        raw = self.raw or ""
        return f"${{{name}" in raw or any(piece == name for piece in _plain_names(raw))


def _plain_names(raw: str) -> Iterator[str]:
    for piece in raw.split("$")[1:]:
        end = next((at for at, c in enumerate(piece) if not (c.isalnum() or c == "_")), len(piece))
        yield piece[:end]


def read_variables(
    instructions: Iterable[tuple[Instruction, Mapping[str, str]]], escape: str = "\\"
) -> Iterator[Variable]:
    """The variables of ENV, ARG and LABEL instructions, each given with what is known before it."""
    for instruction, env in instructions:
        for pair in instruction.pairs:
            written = pair.value
            text, is_known = expanded(written.value, env, escape) if written else ("", False)
            yield Variable(
                instruction.keyword,
                expanded(pair.name.value, {}, escape)[0],
                written.value if written else None,
                text,
                is_known,
                instruction,
                pair.name.span,
                written.span if written else None,
            )
