"""Reviews made by hand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tests.check.findings import found, judged, place_of
from wherry.check.fix import Mended
from wherry.check.ignores import Ignore
from wherry.check.model import Basis, Cost, Edit, Effect, Fix, Place, Safety, Severity
from wherry.dockerfile.source import Source, Span
from wherry.dockerfile.syntax import DockerfileError
from wherry.report.findings.model import Review

if TYPE_CHECKING:
    from wherry.check.model import Finding

DOCKERFILE = Source(
    "app/Dockerfile",
    b"""\
FROM python:3.12-slim
COPY . /app
RUN pip install torch==2.4.1
# wherry: ignore=C9 not here
CMD python app.py
""",
)
REQUIREMENTS = Source("app/requirements.txt", b"torch==2.4.1\n")

PIP = found(
    at=place_of(DOCKERFILE, "pip install torch==2.4.1"),
    what="pip keeps its downloads in the layer",
    why="they are never read again",
    cost=Cost(2_400_000_000, 41, Basis.TABLE, "wheel sizes of torch 2.4.1"),
    related=(place_of(REQUIREMENTS, "torch==2.4.1"),),
    fix=Fix(
        "add --no-cache-dir",
        (
            Edit(DOCKERFILE.name, Span(49, 49), " --no-cache-dir"),
            Edit("app/.dockerignore", Span(0, 0), ".git\n"),
        ),
        Safety.SAFE,
        Effect(frozenset({2})),
    ),
)
COPY = found(
    rule="D1",
    at=place_of(DOCKERFILE, "COPY . /app"),
    severity=Severity.ERROR,
    what="weights are copied",
    why="",
    cost=Cost(100, basis=Basis.MEASURED),
)
SHELL = found(
    rule="H3",
    at=Place.of(DOCKERFILE, Span(DOCKERFILE.data.index(b"CMD"), len(DOCKERFILE.data))),
    severity=Severity.INFO,
    what="CMD runs in a shell",
    why="signals do not reach python",
    fix=Fix("write it as JSON", (Edit(DOCKERFILE.name, Span(112, 125), "[]"),), Safety.UNSAFE),
)
THEIRS = found(rule="hadolint/DL3025", at=place_of(DOCKERFILE, "CMD"), what="use JSON notation", why="")
BROKEN = DockerfileError(
    "unknown instruction RUNN", where="broken/Dockerfile:3", mend="did you mean RUN?", line=3, span=Span(0, 4)
)

HOSTILE = (
    "]]>\x1b[2J\n| <script>x</script> [a](http://b.c) `y` @team #12 www.evil.org &amp; %0A::error:: \u202e"
    "\x00$A$ ![i](//x) <!-- ~~s~~ **b**"
)
HOSTILE_NAME = os.fsdecode(b"a|b`\\,:\xff<&\"'>\n%25.Dockerfile")


def review(*findings: Finding, **changes: object) -> Review:
    """A review of one file."""
    sources = {one.name: one for one in (DOCKERFILE, REQUIREMENTS)}
    made = Review((judged(*findings, path=DOCKERFILE.name),), sources.get)
    return replace(made, **changes)


def whole_review() -> Review:
    """A review with something in every part."""
    made = review(PIP, COPY, SHELL, THEIRS)
    ignore = Ignore("wherry", ("C9",), "not here", Span(80, 90), None)
    judgement = replace(
        made.judgements[0], unused_ignores=(ignore,), silenced=(PIP,), notes=("could not read x",)
    )
    return replace(
        made,
        judgements=(judgement,),
        broken=(BROKEN,),
        mended=(Mended(applied=(PIP,), refused=((SHELL, "the user would change"),)),),
        baseline=3,
        elsewhere=2,
        notes=("a note",),
        peers={"hadolint": 1},
    )


def hostile_review() -> Review:
    """Names and texts that somebody wrote to be taken for something else."""
    source = Source(HOSTILE_NAME, f"FROM x\nRUN {HOSTILE}\n".encode("utf-8", "surrogateescape"))
    fix = Fix(HOSTILE, (Edit(HOSTILE_NAME, Span(0, 4), "\udcff\r\n"),), Safety.SAFE)
    at = Place.of(source, Span(7, 20))
    bad = found(
        at=at, what=HOSTILE, why=HOSTILE, cost=Cost(9, 1, Basis.TABLE, HOSTILE), related=(at,), fix=fix
    )
    error = DockerfileError(HOSTILE, where=f"{HOSTILE_NAME}:2", mend=HOSTILE, line=2)
    judgement = replace(judged(bad, bad, path=HOSTILE_NAME), notes=(HOSTILE,))
    return Review(
        (judgement,),
        {HOSTILE_NAME: source}.get,
        broken=(error,),
        mended=(Mended(applied=(bad,), refused=((bad, HOSTILE),)),),
        notes=(HOSTILE,),
    )
