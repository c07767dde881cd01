"""What all forms are made of: judgements, the files they point into, and what the findings cost together."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from wherry.check.catalogue import is_rule
from wherry.check.engine import in_order
from wherry.check.model import Basis, Safety, Severity
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wherry.check.engine import Judgement
    from wherry.check.fix import Mended
    from wherry.check.ignores import Ignore
    from wherry.check.model import Cost, Finding, Place
    from wherry.dockerfile.source import Source
    from wherry.errors import InputError


def place_of_error(error: InputError) -> tuple[str, int | None]:
    """The file that an error is about, and its line where it knows one."""
    line = getattr(error, "line", 0)  # DockerfileError has it apart: a name may end with a colon and digits
    if line:
        return error.where.removesuffix(f":{line}"), int(line)
    path, _, digits = error.where.rpartition(":")
    if path and digits.isascii() and digits.isdigit():
        return path, int(digits)
    return error.where, None


def in_project(path: str) -> str:
    """A path as those name it who show findings beside the code: from the directory that was checked in."""
    if not os.path.isabs(path):  # noqa: PTH117 - of the path as it is written
        return path
    below = os.path.relpath(path)
    return path if below.split("/", 1)[0] == ".." else below


def words_of_unused(ignore: Ignore) -> str:
    """What there is to say of a comment that silences nothing, and of codes in it that are no rule's."""
    unknown = [code for code in ignore.codes if not is_rule(code.rstrip(".:-"))]
    none = f"; there is no rule {', '.join(unknown)}" if unknown else ""
    return f"this comment silences nothing: {', '.join(ignore.codes)}{none}"


class Review(Frozen):
    """Everything one `wherry check` found."""

    judgements: tuple[Judgement, ...]
    source: Callable[[str], Source | None]  # of a file that a place names
    broken: tuple[InputError, ...] = ()  # files that no build would take
    mended: tuple[Mended, ...] = ()
    baseline: int = 0  # findings that the baseline knows
    elsewhere: int = 0  # findings on lines that did not change
    notes: tuple[str, ...] = ()
    peers: Mapping[str, int] = msgspec.field(default_factory=dict)  # findings of other linters, by name

    @property
    def findings(self) -> list[Finding]:
        """All that stand, the costliest first."""
        return in_order(finding for _, findings in self.by_file() for finding in findings)

    def by_file(self) -> Iterator[tuple[str, list[Finding]]]:
        """Every Dockerfile with what is said of it; of a file beside several of them a thing is said once."""
        said: set[tuple[str, Place, str]] = set()
        for judgement in self.judgements:
            mine: list[Finding] = []
            for finding in judgement.findings:
                key = finding.rule, finding.place, finding.what
                if finding.place.path == judgement.path or key not in said:
                    mine.append(finding)
                said.add(key)
            yield judgement.path, mine

    @property
    def all_notes(self) -> list[str]:
        """What could not be read or judged, and comments that silence nothing."""
        notes = [*self.notes]
        for judgement in self.judgements:
            source = self.source(judgement.path) if judgement.unused_ignores else None
            for ignore in judgement.unused_ignores:
                line = source.line(ignore.span.start) if source else 1
                notes.append(f"{judgement.path}:{line}: {words_of_unused(ignore)}")
            notes += judgement.notes
        return notes

    @property
    def silenced(self) -> int:
        """How many a comment silences."""
        return sum(len(one.silenced) for one in self.judgements)

    def summary(self) -> Summary:
        """The figures of all findings together."""
        findings = self.findings
        return Summary(
            files=len(self.judgements) + len(self.broken),
            findings=len(findings),
            by_severity=Counter(finding.severity for finding in findings),
            by_basis={
                basis: _together(one.cost for one in findings if one.cost.basis is basis)
                for basis in (Basis.MEASURED, Basis.TABLE)
            },
            seconds=sum(one.cost.seconds for one in findings),
            safe_fixes=sum(one.fix is not None and one.fix.safety is Safety.SAFE for one in findings),
            unsafe_fixes=sum(one.fix is not None and one.fix.safety is Safety.UNSAFE for one in findings),
        )


def _together(costs: Iterable[Cost]) -> int:
    """Bytes of all, where files that several of them speak of, by name or by a directory, count once."""
    named: dict[str, int] = {}
    total = 0
    for cost in costs:
        if not cost.files:
            total += cost.size_bytes
        for path, size_bytes in cost.files:
            named[path] = max(size_bytes, named.get(path, 0))
    below: Counter[str] = Counter()
    for path in sorted(named, key=len, reverse=True):
        size_bytes = max(named[path], below[path])
        above = next((one for one in _parents(path) if one in named), None)
        if above is None:
            total += size_bytes
        else:
            below[above] += size_bytes
    return total


def _parents(path: str) -> Iterator[str]:
    """The directories that a path lies in, the nearest first."""
    while (end := path.rfind("/")) > 0:
        path = path[:end]
        yield path


class Summary(Frozen):
    """How many, how much, and how much of it can be mended."""

    files: int
    findings: int
    by_severity: Counter[Severity]
    by_basis: Mapping[Basis, int]  # bytes, by what their figures rest on
    seconds: float
    safe_fixes: int
    unsafe_fixes: int

    @property
    def size_bytes(self) -> int:
        """What all findings cost in bytes."""
        return sum(self.by_basis.values())
