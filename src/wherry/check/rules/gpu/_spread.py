"""Over how many GPUs, or processes, a command line spreads one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.texts import Text

_OPTION: Final = regex(r"--(?:tensor-parallel-size|tp-size|tp|num-shard|nproc[-_]per[-_]node)|-tp")
_MOST: Final = 16
"""GPUs of one machine; a larger number is something else."""


def spread_words(words: Sequence[str]) -> tuple[str, str] | None:
    """The option that says so and its value, as written; None where there is none."""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if is_spread_option(name):
            return name, value if equals else words[at + 1] if at + 1 < len(words) else ""
    return None


def is_spread_option(name: str) -> bool:
    """Whether an option says over how many."""
    return _OPTION.fullmatch(name) is not None


def words_of(texts: Sequence[Text]) -> list[str]:
    """The words of a command of either form."""
    return [word for text in texts for word in text.value.split()]


def spread_over(facts: Facts, told: Sequence[Text]) -> int:
    """How many GPUs whoever runs the image with *told* asks for, in its words or the image's; else 1."""
    commands = [words_of(told), *([call.program, *call.texts] for call in facts.target.ending.calls)]
    for words in commands:
        said = spread_words(words)
        if said and said[1].isdecimal() and 0 < int(said[1]) <= _MOST:
            return int(said[1])
    return 1
