"""What an edit of a Dockerfile changes is what it declares; what it leaves alone means what it meant."""

from __future__ import annotations

import pytest

from wherry.check.fix import edited, replacements
from wherry.check.model import Aspect, Edit, Effect
from wherry.check.proof import objection
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source, Span

ALL = frozenset(Aspect)
COMMANDS = frozenset({Aspect.COMMANDS})


def said_of(
    text: str,
    *changes: tuple[str, str],
    touches: set[int] | None = None,
    inserts: int = 0,
    aspects: frozenset[Aspect] = frozenset(),
) -> str | None:
    """The objection to putting something else where the text has something, each once."""
    data = text.encode()
    edits = []
    for old, new in changes:
        start = data.index(old.encode())
        edits.append(Edit("Dockerfile", Span(start, start + len(old)), new))
    before, after = (parse(Source("Dockerfile", one)) for one in (data, edited(data, edits)))
    effect = Effect(frozenset(touches or ()), inserts, aspects)
    return objection(before, after, effect, replacements(data, edits))


def test_a_comment_that_would_become_a_directive_is_left_alone() -> None:
    text = "ARG A\n# check=skip=all\nFROM x\n"

    assert said_of(text, ("ARG A\n", ""), touches={0}) == "the directives would change"
    assert said_of(f"# syntax=x\n{text}", ("ARG A\n", ""), touches={0}) == "the directives would change"
    assert said_of(f"# hello\n{text}", ("ARG A\n", ""), touches={0}) is None


@pytest.mark.parametrize(
    ("text", "line", "aspects", "is_free"),
    [
        ("FROM x\nRUN a\n", "# syntax=docker/dockerfile:1\n", frozenset({Aspect.MOUNTS}), True),
        ("# escape=`\nFROM x\nRUN a\n", "# syntax=docker/dockerfile:1\n", frozenset({Aspect.MOUNTS}), True),
        ("FROM x\nRUN a\n", "# syntax=docker/dockerfile:1\n", COMMANDS, False),
        ("FROM x\nRUN a\n", "# syntax=other\n", frozenset({Aspect.MOUNTS}), False),
    ],
)
def test_mounts_may_name_the_frontend_that_knows_them_where_none_is_named(
    text: str, line: str, aspects: frozenset[Aspect], *, is_free: bool
) -> None:
    first = text.partition("\n")[0]

    found = said_of(text, (first, f"{line}{first}"), touches={0}, aspects=aspects | {Aspect.BASE})

    assert found == (None if is_free else "the directives would change")


def test_a_continuation_that_is_left_hanging_swallows_no_neighbour() -> None:
    text = "FROM x\nRUN a \\\n  # why\n  --b\nRUN c\n"

    found = said_of(text, ("  --b\n", ""), touches={1, 2}, aspects=COMMANDS)

    assert found == "RUN of line 5 would become part of another instruction"


def test_a_continuation_that_is_lost_makes_no_instruction() -> None:
    text = "FROM x\nRUN a \\\n  && \\\n  env PATH=/b\n"

    found = said_of(text, ("\\\n  && \\\n", "\n"), touches={1}, inserts=1, aspects=COMMANDS | {Aspect.ENV})

    assert found == "a part of an instruction would become one, in line 3"


@pytest.mark.parametrize(
    ("old", "new", "touches", "inserts"),
    [
        ("RUN a", "USER u\nRUN a", {1}, 1),
        ("ADD f /", "COPY f /", {2}, 0),
        ("RUN a\nADD f /\n", "ADD f /\nRUN a\n", {1, 2}, 0),
        ("\nADD ", " && cp ", {1, 2}, 0),
        ("RUN a\n", "", {1}, 0),
    ],
)
def test_what_is_put_in_taken_out_moved_or_joined_stands_where_it_is_put(
    old: str, new: str, touches: set[int], inserts: int
) -> None:
    text = "FROM x\nRUN a\nADD f /\n"

    found = said_of(text, (old, new), touches=touches, inserts=inserts, aspects=ALL)

    assert found is None


def test_an_argument_that_an_instruction_names_is_there_as_it_was() -> None:
    text = "FROM x\nARG V=1\nRUN echo ${V}\nRUN true\n"
    order = frozenset({Aspect.ORDER})

    def moved_behind(line: str) -> str | None:
        return said_of(text, ("ARG V=1\n", ""), (line, f"{line}ARG V=1\n"), touches={1}, aspects=order)

    assert moved_behind("RUN echo ${V}\n") == "RUN would run with another env"
    text = text.replace("${V}", "V")
    assert moved_behind("RUN echo V\n") is None
    changed = said_of(text, ("V=1", "V=2"), touches={1})
    assert changed == "the env would change, which it did not declare"


def test_a_label_keeps_its_value_however_it_is_written() -> None:
    text = "FROM x\nARG V=1\nLABEL version $V\n"

    assert said_of(text, ("version $V", 'version="$V"'), touches={2}) is None
    assert said_of(text, ("version $V", "version='$V'"), touches={2}) == (
        "the env would change, which it did not declare"
    )


@pytest.mark.parametrize(
    "instruction", ["COPY --from=0 /a /a", "COPY --from=build /a /a", "RUN --mount=from=build,target=/b a"]
)
def test_what_stays_takes_from_the_stage_or_image_that_it_took_from(instruction: str) -> None:
    text = f"FROM x AS a\nFROM y\n{instruction}\n"

    found = said_of(text, ("FROM x", "FROM z AS build\nFROM x"), inserts=1, aspects=ALL)

    name = instruction.partition(" ")[0]
    assert found == f"{name} would take from another stage"


def test_a_stage_that_is_cut_in_two_is_known_by_its_end() -> None:
    text = "FROM x\nRUN a\nFROM y AS b\nRUN c\nCOPY d /\nFROM z\nCOPY --from={} /e /\n"
    parted = ("COPY d", "FROM y AS b\nCOPY d")
    cut = (("AS b", "AS build"), parted)

    for by_name in ("b", "0"):
        assert said_of(text.format(by_name), *cut, touches={2}, inserts=1, aspects=ALL) is None
    assert said_of(text.format("1"), *cut, touches={2}, inserts=1, aspects=ALL) == (
        "COPY would take from another stage"
    )


def test_a_stage_that_others_begin_from_is_the_one_it_was() -> None:
    text = "FROM x\nRUN a\nFROM y\nCOPY b /\n"

    found = said_of(text, ("FROM x", "FROM z AS y\nFROM x"), inserts=1, aspects=ALL)

    assert found == "FROM would take from another stage"


def test_what_is_built_by_default_or_by_name_stays_what_it_was() -> None:
    text = "FROM x AS a\nRUN b\nFROM a AS c\nRUN d\n"

    appended = said_of(text, ("RUN d\n", "RUN d\nFROM y\n"), inserts=1, aspects=ALL)
    led_back = said_of(text, ("RUN d\n", "RUN d\nFROM y\nFROM c\n"), inserts=2, aspects=ALL)
    renamed = said_of(text, ("AS c", "AS e"), touches={2}, aspects=ALL)
    lowered = said_of(text.replace("AS c", "AS C"), ("AS C", "AS c"), touches={2}, aspects=ALL)

    assert appended == "another stage would be the last, which is built where none is named"
    assert led_back is None
    assert renamed == "there would be no stage c, which may be built by its name"
    assert lowered is None
