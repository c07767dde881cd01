"""Two independent parsers say the same of a file as ours, but for shapes that are named here one by one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, example, given, settings

from tests.dockerfile.dockerfiles import CORPUS, damaged_files, files, random_files
from tests.dockerfile.peers import Refused, Seen, seen_by_buildkit, seen_by_port, seen_by_us
from wherry.dockerfile.arguments import KNOWN
from wherry.dockerfile.parser import read_syntax
from wherry.dockerfile.source import Source
from wherry.dockerfile.syntax import DockerfileError

if TYPE_CHECKING:
    from pathlib import Path

_SOME = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
_FILES = 15_000


# ---- BuildKit 0.12.5


def _comparable_with_buildkit(text: str) -> bool:
    """Whether no shape occurs that the peer is too old for, or cannot hand over to Python."""
    too_old_for = (
        r"(?i)#\s*check",  # the directive
        r"#\s*[\v\x85\xa0\u1680\u2000-\u3000]",  # such blanks before a directive
        r"<<-?(\\\s+)?[ \t\r]",  # a gap between << and the name
        r"(?s)<<.*\$\{[^}]*[/#%]|\$\{[^}]*[/#%].*<<",  # ${x#y} and its like
        r"(?si)#\s*escape\s*=\s*`.*--",  # flags that follow the escape directive
        r"\0",  # the binding ends strings there
    )
    if any(re.search(shape, text) for shape in too_old_for):
        return False
    return not _splits_letters(text) and not _has_text_behind_json(text)


def _has_text_behind_json(text: str) -> bool:
    """`CMD ["a"] b`: the peer reads the array and drops the rest; today it is the shell form."""
    try:
        found = read_syntax(Source("Dockerfile", text.encode())).instructions
    except DockerfileError:
        return bool(re.search(r"\[[^\n]*\][^\n]*\S", text))
    for instruction in found:
        body = (instruction.trigger or instruction).body.text
        for bracket in re.finditer(r"\[", body):
            try:
                end = json.JSONDecoder().raw_decode(body, bracket.start())[1]
            except (ValueError, RecursionError):
                continue
            if body[end:].strip():
                return True
    return False


def _splits_letters(text: str) -> bool:
    """Some bytes of letters are blanks to BuildKit in flags and in HEALTHCHECK; Python gets half a letter."""
    is_split = re.search(r"[\x85\xa0]", text.encode().decode("latin-1")) is not None
    return is_split and ("--" in text or "healthcheck" in text.lower())


def _as_buildkit_hands_over(seen: Seen) -> Seen:
    """Triggers' heredocs are not handed over, flags come as Latin-1, and no value is an empty one."""
    flags = tuple(flag.encode("utf-8", "surrogateescape").decode("latin-1") for flag in seen.flags)
    return replace(
        seen,
        flags=flags,
        values=() if seen.values == ("",) else seen.values,
        heredocs=() if seen.trigger else seen.heredocs,
    )


def _agree_with_buildkit(text: str) -> None:
    ours, theirs = seen_by_us(text), seen_by_buildkit(text)
    if not isinstance(ours, Refused):
        ours = tuple(map(_as_buildkit_hands_over, ours))
    if not isinstance(theirs, Refused):
        nothing = ("",)  # what it says of an instruction that it does not know
        theirs = tuple(replace(seen, values=() if seen.values == nothing else seen.values) for seen in theirs)
    assert ours == theirs


@_SOME
@given(files)
@example("FROM x\nRUN cat <<${X:-E}\nbody\n${X:-E}\n")
@example("FROM x\nCOPY --x='a'b'c' a b\n")
@example("\\\n  FROM x\n")
@example("FROM x\nRUN <<\ufeff\n")
def test_buildkit_reads_composed_files_as_we_do(text: str) -> None:
    assume(_comparable_with_buildkit(text))
    _agree_with_buildkit(text)


@_SOME
@given(damaged_files)
def test_buildkit_reads_damaged_files_as_we_do(text: str) -> None:
    assume(_comparable_with_buildkit(text))
    _agree_with_buildkit(text)


def test_buildkit_reads_a_large_corpus_as_we_do() -> None:
    compared = 0
    for text in random_files(_FILES, seed=1):
        if _comparable_with_buildkit(text):
            _agree_with_buildkit(text)
            compared += 1
    assert compared > 5_000


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_buildkit_reads_real_shapes_as_we_do(path: Path) -> None:
    text = path.read_bytes().decode()
    if path.stem == "check-directive":
        text = text.replace("# check=", "# syntax-of-check=", 1).replace("# escape=\\\n", "", 1)
    _agree_with_buildkit(text)


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        pytest.param('FROM x\nCMD ["a"] b\n', ('["a"] b',), ("a",), id="text behind a JSON array"),
        pytest.param(
            "FROM x\nRUN a << EOF\nb\nEOF\n", ("a << EOF",), ("",), id="gap before a heredoc's name"
        ),
        pytest.param(
            "# check=skip=all\n# escape=`\nFROM x\nRUN a `\n  b\n", ("a   b",), ("",), id="check directive"
        ),
    ],
)
def test_buildkit_of_2023_differs_in_what_came_later(
    text: str, ours: tuple[str, ...], theirs: tuple[str, ...]
) -> None:
    we, they = seen_by_us(text), seen_by_buildkit(text)
    assert not isinstance(we, Refused)
    assert not isinstance(they, Refused)
    assert (we[-1].values, they[-1].values) == (ours, theirs)


# ---- the port


def _comparable_with_port(text: str) -> bool:
    """Whether no shape occurs in which the port is known not to be BuildKit."""
    if (
        re.search(r"[\x1c-\x1f]|#.*\v", text)  # blanks to Python only
        or re.search(r"<<-?[ \t\r]*(''|\"\")", text)  # a heredoc without a name, which is none
        or _splits_letters(text)
        or (
            not text.isascii() and re.search(r"--|healthcheck|#.*escape", text, re.IGNORECASE)
        )  # bytes are letters
    ):
        return False
    ours = seen_by_us(text)
    if isinstance(ours, Refused):
        return not ours.what.startswith("the file")  # it accepts one without an instruction
    return not any(
        seen.keyword not in KNOWN  # refused at once, where BuildKit goes on
        or seen.keyword == "onbuild"  # what it triggers is not read
        or _has_quotes_in_copy(seen)
        for seen in ours
    )


def _has_quotes_in_copy(seen: Seen) -> bool:
    """The port lets quotes keep blanks in; BuildKit splits `COPY "a b" c` into four."""
    values = " ".join(seen.values)
    return seen.keyword in {"copy", "add"} and (bool(re.search(r"['\"\\`]", values)) or not values.isascii())


@_SOME
@given(files)
def test_the_port_reads_composed_files_as_we_do(text: str) -> None:
    assume(_comparable_with_port(text))
    _agree_with_port(text)


@_SOME
@given(damaged_files)
def test_the_port_reads_damaged_files_as_we_do(text: str) -> None:
    assume(_comparable_with_port(text))
    _agree_with_port(text)


def _agree_with_port(text: str) -> None:
    ours, theirs = seen_by_us(text), seen_by_port(text)
    if isinstance(theirs, Refused) and "unknown instruction" in theirs.what:
        return  # it says so in the first pass, before it comes to what else is wrong
    if isinstance(ours, Refused) and "onbuild" in text.lower():
        return  # what is wrong may be behind a trigger's heredoc, or in it
    assert ours == theirs


def test_the_port_reads_a_large_corpus_as_we_do() -> None:
    compared = 0
    for text in random_files(_FILES, seed=2):
        if _comparable_with_port(text):
            _agree_with_port(text)
            compared += 1
    assert compared > 2_000


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_port_reads_real_shapes_as_we_do(path: Path) -> None:
    text = path.read_bytes().decode()
    text = re.sub(r"ONBUILD RUN <<EOF\n.*?\nEOF\n", "ONBUILD RUN true\n", text)  # a trigger's heredoc
    ours, theirs = seen_by_us(text), seen_by_port(text)
    assert not isinstance(ours, Refused)
    assert not isinstance(theirs, Refused)
    assert [_as_port(seen) for seen in ours] == [_as_port(seen) for seen in theirs]


def _as_port(seen: Seen) -> Seen:
    """The port does not read triggers, and lets quotes keep blanks in what COPY copies."""
    if seen.keyword == "onbuild":
        return replace(seen, trigger="", values=(), heredocs=(), is_json=False, lines=(seen.lines[0], 0))
    return replace(seen, values=()) if _has_quotes_in_copy(seen) else seen
