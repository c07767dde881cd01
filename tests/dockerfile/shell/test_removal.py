"""Taking a command out leaves a file that parses, and all other commands as they were."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dockerfile.shell.scripts import Maker
from tests.dockerfile.shell.shapes import SHAPES
from wherry.dockerfile.parser import parse
from wherry.dockerfile.shell import Command, Script, read_instruction, removal_spans
from wherry.dockerfile.source import Source, Span

if TYPE_CHECKING:
    from wherry.dockerfile.syntax import Dockerfile

AROUND = b"FROM a\nENV A=1\n%b\n\n# about the next\nRUN after\n"


def read(data: bytes) -> tuple[Dockerfile, Script]:
    dockerfile = parse(Source("Dockerfile", data))
    return dockerfile, read_instruction(dockerfile.instructions[2])


def signature(command: Command) -> object:
    return (
        [word.raw for word in command.words],
        [(name, word.raw) for name, word in command.assignments],
        [(r.operator, r.target.raw, r.document.content if r.document else "") for r in command.redirects],
        command.nesting,
        command.wrapped_by,
    )


def without(data: bytes, spans: tuple[Span, ...]) -> bytes:
    for span in reversed(spans):
        data = data[: span.start] + data[span.end :]
    return data


def check_every_removal(run: str, newline: str = "\n") -> int:
    """Take each command out in turn; how many could be."""
    data = AROUND.replace(b"\n", newline.encode()) % run.replace("\n", newline).encode()
    before, script = read(data)
    done = 0
    for command in script.commands:
        spans = removal_spans(command, before.instructions[2])
        if spans is None:
            continue
        done += 1
        edited = without(data, spans)
        after, left = read(edited)
        removed = [one for one in script.commands if any(_within(one.span, span) for span in spans)]
        assert command in removed
        kept = [one for one in script.commands if one not in removed]
        assert len(left.commands) == len(kept), edited.decode()
        for was, now in zip(kept, left.commands, strict=True):
            # A command with a substitution that something was taken out of is another one, and rightly so.
            if not any(_within(span, was.span) for span in spans):
                assert signature(now) == signature(was), edited.decode()
        assert len(after.instructions) == len(before.instructions), edited.decode()
        assert left.errors <= script.errors
        assert edited.endswith(b"RUN after" + newline.encode())
    return done


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("run", [shape for shape, _ in SHAPES])
def test_in_what_people_write(run: str, newline: str) -> None:
    check_every_removal(run, newline)


def as_people_break_lines(script: str, seed: int) -> str:
    """A script over several lines of a RUN, operators before or behind the break, comments between."""
    choose = random.Random(seed)  # noqa: S311 - to vary the cases
    out = script
    for operator in ("&&", "||", ";"):
        pieces = out.split(f" {operator} ")
        out = pieces[0]
        for piece in pieces[1:]:
            comment = choose.choice(["", "", "# why\n", "   # it's; && so\n\n"])
            out += choose.choice(
                [
                    f" {operator} ",
                    f" \\\n{comment}    {operator} ",
                    f" {operator} \\\n{comment}    ",
                    f" {operator}\\\n",
                ]
            )
            out += piece
    return f"RUN {out}"


@given(st.integers(0, 10**6), st.sampled_from(["\n", "\r\n"]))
def test_in_scripts_made_by_chance(seed: int, newline: str) -> None:
    script = Maker(seed, newline=";").script(1)
    if not any(f"'{c}'" in script for c in ("a && b",)) and "t\\n" not in script:
        check_every_removal(as_people_break_lines(script, seed), newline)


@given(st.integers(0, 10**6), st.sampled_from(["\n", "\r\n"]))
def test_in_heredocs_made_by_chance(seed: int, newline: str) -> None:
    check_every_removal(f"RUN <<EOF\n{Maker(seed).script(1)}\nEOF", newline)


@pytest.mark.parametrize(
    ("run", "name", "left"),
    [
        ("RUN a && b && c", "a", "RUN b && c"),
        ("RUN a && b && c", "b", "RUN a && c"),
        ("RUN a && b && c", "c", "RUN a && b"),
        ("RUN a; b", "a", "RUN b"),
        ("RUN a; b", "b", "RUN a"),
        ("RUN a & b", "a", "RUN b"),
        ("RUN a & b", "b", "RUN a &"),
        ("RUN a; b & c", "b", "RUN a; c"),
        ("RUN a; b;", "b", "RUN a;"),
        ("RUN a && b || c", "b", "RUN a || c"),
        ("RUN a \\\n # about b\n && b", "a", "RUN \\\n # about b\n b"),
        ("RUN a && \\\n # about b\n b", "a", "RUN \\\n # about b\n b"),
        ("RUN a \\\n # about b\n && b", "b", "RUN a"),
        ("RUN a \\\n && b \\\n && c", "b", "RUN a \\\n && c"),
        ("RUN a > f 2>&1 && b", "a", "RUN b"),
        ("RUN sudo a -x && b", "a", "RUN b"),
        ("RUN if x; then a; b; fi", "b", "RUN if x; then a; fi"),
        ("RUN (a && b) && c", "a", "RUN (b) && c"),
        ("RUN bash -c 'a && b'", "b", "RUN bash -c 'a'"),
        ('RUN ["sh", "-c", "a && b"]', "a", 'RUN ["sh", "-c", "b"]'),
        ("RUN a <<X && b\n1\nX", "a", "RUN b"),
        ("RUN a <<X && b <<Y\n1\nX\n2\nY", "a", "RUN b <<Y\n2\nY"),
        ("RUN <<E\na\nb # why\n# more\nc\nE", "b", "RUN <<E\na\n# more\nc\nE"),
        ("RUN <<E\na\nb <<F\nx\nF\nc\nE", "b", "RUN <<E\na\nc\nE"),
        ("RUN <<E\n  a; b\nE", "b", "RUN <<E\n  a\nE"),
        ("RUN <<E\na &&\n  b\nE", "a", "RUN <<E\n\n  b\nE"),
        ("RUN case x in y) a; b;; esac", "a", "RUN case x in y) b;; esac"),
        ("RUN x $(a && b)", "b", "RUN x $(a)"),
    ],
)
def test_what_is_left(run: str, name: str, left: str) -> None:
    data = AROUND % run.encode()
    dockerfile, script = read(data)
    command = next(one for one in script.commands if one.name == name)
    spans = removal_spans(command, dockerfile.instructions[2])
    assert spans is not None
    edited = without(data, spans).decode()
    assert edited.startswith(f"FROM a\nENV A=1\n{left}\n")
    read(edited.encode())


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("RUN a", "a"),
        ("RUN a | b", "a"),
        ("RUN a || b", "a"),
        ("RUN a || b", "b"),
        ("RUN if a; then b; fi", "a"),
        ("RUN if a; then b; fi", "b"),
        ("RUN while a; b; do c; done", "a"),
        ("RUN case x in y) a;; z) b;; esac", "a"),
        ('RUN bash -c "a && b \\"c\\""', "a"),
        ('RUN ["sh", "-c", "a && b \\"c\\""]', "a"),
        ('RUN ["a", "b"]', "a"),
        ("RUN a && b )", "a"),
    ],
)
def test_what_cannot_be_taken_out_alone(run: str, name: str) -> None:
    dockerfile, script = read(AROUND % run.encode())
    command = next(one for one in script.commands if one.name == name)
    assert removal_spans(command, dockerfile.instructions[2]) is None


def test_most_of_what_people_write_can_be_taken_out() -> None:
    assert sum(check_every_removal(run) for run, _ in SHAPES) > 60
