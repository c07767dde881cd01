"""Dockerfiles made up by hypothesis: sensible ones in every form, and the same with damage done to them."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from wherry.dockerfile.arguments import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

CORPUS: Final = sorted((Path(__file__).parent / "corpus").glob("*.Dockerfile"))
"""Real-world shapes, in our own words. Each says in a comment what it is."""

KEYWORDS: Final = sorted(KNOWN)
_BITS: Final = [
    *(
        "x",
        "y=z",
        "a b",
        "as",
        "AS",
        "none",
        "CMD",
        "é",
        "日本",
        "a/b",
        "*",
        "80/tcp",
        "&&",
        "|",
        ";",
        ">",
        "#c",
    ),
    *(
        "$x",
        "${x}",
        "${x:-y z}",
        "${x:+'q'}",
        "${x",
        "$",
        "}",
        "\\",
        "\\\\",
        '\\"',
        "\\$",
        "`",
        "=",
        "==",
        "a=",
        "=b",
    ),
    *("'", '"', "''", '""', "'a b'", '"a b"', "a='b c'", 'a="b c"', "'it\"s'", '"$x"', '"${x:-\'}"'),
    *(
        "<",
        "<<",
        "<<<",
        "<<EOF",
        "<<-EOF",
        "<<'EOF'",
        '<<-"EOF"',
        '<<"E F"',
        "3<<EOF",
        "<<EOF<<",
        "<<\\EOF",
        "<<A",
    ),
    *(
        "[",
        "]",
        '["a"]',
        '["a", "b c"]',
        '["\\u00e9\\n"]',
        "[]",
        "[1]",
        '["a",]',
        '[["a"]]',
        '[{"a": "b"}]',
        "['a']",
    ),
    *(
        "--",
        "--x",
        "--x=y",
        "--from=b",
        "--link",
        '--x="a b"',
        "--x='a\\'b'",
        '--"x"=y',
        "--mount=type=cache,id=a",
    ),
    *("\u00a0", "\u2003", "\u0085", "\v", "\f", "\r", "\t", "  "),
]
_JUNK: Final = [
    "",
    "",
    "\0",
    "\x1c",
    "\x7f",
    "\u2028",
    "\ufeff",
    "\U0001f433",
    "\u0130",
    "\n",
    "\r\n",
    "FROM",
    "json",
]
_ENDINGS: Final = ["\n", "\n", "\n", "\r\n", "\n\n", " \n", "\r\r\n"]
_CONTINUATIONS: Final = [
    "\\\n",
    " \\\n  ",
    "\\ \t\n",
    "\\\r\n",
    " \\\n# c\n",
    " \\\n\n \t\n",
    "\\\\\n",
    "`\n",
    "\\\n\t# d\n\n",
]
_BETWEEN: Final = ["# comment\n", "\t# indented\r\n", "\n", "   \n", "#\n", "# escape=`\n", "#\u00a0x\n"]
_HEADS: Final = [
    "",
    "",
    "",
    "# syntax=docker/dockerfile:1\n",
    "# escape=`\n",
    "#escape = \\\r\n",
    "# Syntax=a b\n# escape=`\n",
]
_BODIES: Final = [
    "",
    "EOF\n",
    "line\nEOF\n",
    "\tline\n\tEOF\n",
    "E F\n",
    "A\nEOF\n",
    "# not a comment\r\nEOF\r\n",
    "EOF",
]


def make_instruction(random: Random) -> str:
    """One instruction with its line ending, and now and then the heredoc that it announces."""
    keyword = random.choice(KEYWORDS).upper()
    keyword = random.choice([keyword, keyword, keyword.lower(), keyword.title()])
    gaps = [" ", " ", " ", "", "\t", random.choice(_CONTINUATIONS)]
    text = keyword + random.choice([" ", " ", " ", "\t", random.choice(_CONTINUATIONS), ""])
    for _ in range(random.randrange(7)):
        text += random.choice(_BITS) + random.choice(gaps)
    return text + random.choice(_ENDINGS) + (random.choice(_BODIES) if "<<" in text else "")


def make_file(random: Random) -> str:
    """A whole Dockerfile; most of them are accepted by a parser that does not ask what is built."""
    text = (
        random.choice(["", "", "\ufeff"])
        + random.choice(_HEADS)
        + random.choice(["FROM x\n", "FROM x AS y\n", ""])
    )
    for _ in range(random.randrange(8)):
        text += random.choice(_BETWEEN) if random.randrange(4) == 0 else make_instruction(random)
    return text


def damage(random: Random, text: str) -> str:
    """The file with pieces cut out, and others put in."""
    for _ in range(random.randrange(1, 5)):
        start = random.randrange(len(text) + 1)
        end = min(len(text), start + random.randrange(9))
        text = text[:start] + random.choice([*_BITS, *_CONTINUATIONS, *_BETWEEN, *_JUNK]) + text[end:]
    return text


def random_files(count: int, seed: int) -> Iterator[str]:
    """The same files for the same seed, every other one damaged."""
    random = Random(seed)  # noqa: S311 - the same files each time
    for at in range(count):
        text = make_file(random)
        yield damage(random, text) if at % 2 else text


files = st.builds(make_file, st.randoms(use_true_random=False))
damaged_files = st.builds(lambda random: damage(random, make_file(random)), st.randoms(use_true_random=False))
