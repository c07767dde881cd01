"""Dockerfiles put together from rules' pages and the corpus, and what must be true of them when mended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests.check.rule_pages import examples_of
from tests.dockerfile.dockerfiles import CORPUS, make_instruction
from tests.dockerfile.peers import Refused, seen_by_buildkit, seen_by_us
from wherry.check.catalogue import all_rules
from wherry.check.review import Asked, Reviewed, narrowed, review
from wherry.check.writing import write_files
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source, decode, encode
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from random import Random

    from wherry.check.model import Finding, Safety
    from wherry.dockerfile.syntax import Comment, Dockerfile

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Pool:
    """Instructions as somebody wrote them, with the comments above; and files that stand beside them."""

    stages: Sequence[str]
    instructions: Sequence[str]
    neighbours: Sequence[tuple[str, str]]


@cache
def pool() -> Pool:
    stages: list[str] = []
    instructions: list[str] = []
    neighbours: list[tuple[str, str]] = []
    texts = [path.read_text().replace("\r\n", "\n") for path in CORPUS]
    for rule in all_rules():
        for example in examples_of(rule):
            texts.append(example.files.get("Dockerfile", ""))
            neighbours += [
                (name, text)
                for name, text in example.files.items()
                if name != "Dockerfile" and not name.endswith("/")
            ]
    for text in texts:
        for keyword, written in _taken_apart(text):
            (stages if keyword == "from" else instructions).append(written)
    return Pool(
        tuple(dict.fromkeys(stages)),
        tuple(dict.fromkeys(instructions)),
        tuple(dict.fromkeys(neighbours)),
    )


def _taken_apart(text: str) -> Iterator[tuple[str, str]]:
    try:
        dockerfile = parse(Source("Dockerfile", text.encode()))
    except InputError:
        return
    if dockerfile.escape != "\\":
        return
    above = 0
    for one in dockerfile.instructions:
        comments = [c.span.start for c in dockerfile.comments if above <= c.span.start < one.span.start]
        start = min([*comments, one.span.start]) if above else one.span.start
        yield one.keyword, decode(dockerfile.source.data[start : one.span.end])
        above = one.span.end


def make_mixture(random: Random) -> bytes:
    """A Dockerfile that may be built or not; with any line ending, any end, a byte order mark or none."""
    taken = pool()
    parts = ["# syntax=docker/dockerfile:1"] if random.random() < 0.2 else []
    parts += ["ARG BASE=python:3.12-slim"] if random.random() < 0.3 else []
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        parts.append(random.choice(taken.stages))
        for _ in range(random.randrange(1, 12)):
            is_odd = random.random() < 0.04
            parts.append(make_instruction(random).rstrip() if is_odd else random.choice(taken.instructions))
            parts += [""] if random.random() < 0.3 else []
    text = "\n".join(parts) + random.choice(["\n", "\n", "", "\n\n"])
    text = text.replace("\r\n", "\n").replace("\n", "\r\n") if random.random() < 0.3 else text
    return (BOM if random.random() < 0.2 else b"") + encode(text)


def put_beside(random: Random, root: Path) -> None:
    """Some neighbours out of rules' pages; a file is not put below another."""
    taken = pool().neighbours
    for name, text in random.sample(taken, min(len(taken), random.randrange(8))):
        path = root / name
        if not any(above.is_file() for above in path.parents) and not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def checked(root: Path, allowed: Safety | None = None) -> Reviewed:
    """All rules asked of what lies in *root*."""
    return review(
        Asked(
            (root / "Dockerfile",),
            adjust=lambda settings: narrowed(settings, ["all"], [], []),
            allowed=allowed,
        )
    )


def can_be_checked(data: bytes) -> bool:
    try:
        parse(Source("Dockerfile", data))
    except InputError:
        return False
    return True


def broken_promises(root: Path, allowed: Safety) -> list[str]:
    """Mend the Dockerfile in *root*; what is not as it must be then, a line each."""
    path = root / "Dockerfile"
    before = path.read_bytes()
    was = checked(root)
    if was.broken:
        return []
    now = checked(root, allowed)
    for one in now.mended:
        write_files(one.before, one.after)
    after = path.read_bytes()
    applied = [finding for one in now.mended for finding in one.applied]
    again = [finding.rule for one in checked(root, allowed).mended for finding in one.applied]
    return [
        *(f"a rule failed: {note}" for one in now.judgements for note in one.notes if "defect" in note),
        *(f"the mended file is refused: {error}" for error in now.broken),
        *_other_bytes(before, after),
        *_other_parser(decode(before), decode(after)),
        *_not_declared(before, after, applied),
        *([f"a second run mends more: {again}"] if again else []),
        *_not_fewer(was, now, applied),
    ]


def _other_bytes(before: bytes, after: bytes) -> Iterator[str]:
    if before.startswith(BOM) != after.startswith(BOM):
        yield "the byte order mark is gone"
    if b"\r\n" not in before and after.count(b"\r") > before.count(b"\r"):
        yield "line endings of Windows came in"
    is_windows = b"\r\n" in before and b"\n" not in before.replace(b"\r\n", b"")
    if is_windows and b"\n" in after.replace(b"\r\n", b""):
        yield "line endings of Unix came in"
    is_last_line_kept = before.split()[-1:] == after.split()[-1:]
    if is_last_line_kept and before.endswith(b"\n") != after.endswith(b"\n"):
        yield "the end of the last line is another"


def _other_parser(before: str, after: str) -> Iterator[str]:
    was, now = seen_by_buildkit(before), seen_by_buildkit(after)
    if isinstance(was, Refused):
        return  # it is of an older BuildKit
    if isinstance(now, Refused):
        yield f"BuildKit's parser refuses it: {now.what}"
    elif was == seen_by_us(before) and now != seen_by_us(after):
        yield "BuildKit's parser reads it otherwise"


def _not_declared(before: bytes, after: bytes, applied: Sequence[Finding]) -> Iterator[str]:
    was, now = (parse(Source("Dockerfile", data)) for data in (before, after))
    instructions = (
        Counter(one.source.data[at.span.start : at.span.end] for at in one.instructions) for one in (was, now)
    )
    lost = next(instructions) - next(instructions)
    declared = sum(len(one.fix.effect.touches) for one in applied if one.fix)
    if lost.total() > declared:
        yield f"{lost.total()} instructions changed, {declared} were declared"
    stay = [one for one in was.comments if not _goes_with_what_follows(one, was, lost)]
    gone = Counter(one.text.strip() for one in stay) - Counter(one.text.strip() for one in now.comments)
    if gone:
        yield f"comments are gone: {sorted(gone)}"


def _goes_with_what_follows(comment: Comment, dockerfile: Dockerfile, lost: Counter[bytes]) -> bool:
    """Whether it says something of an instruction that is no more."""
    behind = (one.span for one in dockerfile.instructions if one.span.start > comment.span.start)
    below = next(behind, None)
    return below is not None and dockerfile.source.data[below.start : below.end] in lost


def _not_fewer(was: Reviewed, now: Reviewed, applied: Sequence[Finding]) -> Iterator[str]:
    before, after = (
        Counter(one.rule for judgement in reviewed.judgements for one in judgement.findings)
        for reviewed in (was, now)
    )
    if after.total() > before.total() - (1 if applied else 0):
        more = ", ".join(sorted((after - before).keys()))
        yield f"{before.total()} findings became {after.total()}: more of {more}"
