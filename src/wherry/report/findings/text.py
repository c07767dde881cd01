"""Findings for a terminal: the place, the lines with what is meant underlined, the cost, and the mend.

Lines are made of pieces with a style's name; the command line decides what a style looks like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from wherry.check.catalogue import is_foreign, name_of
from wherry.check.model import Basis, Safety, Severity
from wherry.report.amounts import seconds, size
from wherry.report.findings.excerpt import excerpt, first_words, printable, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.model import Cost, Finding, Place
    from wherry.dockerfile.source import Source
    from wherry.report.findings.model import Review, Summary

Style = Literal["", "error", "warning", "info", "place", "quiet", "mark", "good"]
Line = tuple[tuple[str, Style], ...]

COLUMNS: Final = 100
"""How wide the text is where nobody says."""

_MOST_RELATED: Final = 5
_STYLES: Final[dict[Severity, Style]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}


def text_lines(review: Review, columns: int = COLUMNS) -> Iterator[Line]:
    """Everything a person wants to see, the costliest finding first; prose no wider than *columns*."""
    yield from broken_lines(review)
    for finding in review.findings:
        yield from _finding_lines(finding, review, columns)
        yield ()
    for note in review.all_notes:
        yield (("note: ", "info"), (printable(note), ""))
    yield from summary_lines(review)


def broken_lines(review: Review) -> Iterator[Line]:
    """What is wrong with files that no build would take."""
    for error in review.broken:
        yield from (((line, "error" if at == 0 else ""),) for at, line in enumerate(error.lines()))
        yield ()


def summary_lines(review: Review) -> Iterator[Line]:
    """What was mended, and what all findings that are left come to."""
    for finding in (finding for one in review.mended for finding in one.applied):
        title = f": {printable(finding.fix.title)}" if finding.fix else ""
        yield (("mended: ", "good"), (f"{finding.rule} at {printable(str(finding.place))}{title}", ""))
    for finding, reason in (pair for one in review.mended for pair in one.refused):
        yield (
            ("not mended: ", "warning"),
            (f"{finding.rule} at {printable(str(finding.place))}: {printable(reason)}", ""),
        )
    yield from totals_lines(review)


def totals_lines(review: Review) -> Iterator[Line]:
    """How many findings there are, what they cost together, and what can be mended; no word of a file."""
    summary = review.summary()
    head = _count(summary.findings, "finding") if summary.findings else "no findings"
    where = _count(len(review.judgements), "file")
    apart = f", {len(review.broken)} not judged" if review.broken else ""
    yield ((f"{head} in {where}{apart}", "mark"), (_kinds(summary), ""))
    if summary.size_bytes or summary.seconds:
        yield ((f"  {_costs(summary)}", ""),)
    if summary.safe_fixes or summary.unsafe_fixes:
        yield ((f"  {_fixes(summary)}", "good"),)
    hidden = [
        f"{number} {reason}"
        for number, reason in (
            (review.silenced, "silenced by comments"),
            (review.baseline, "known to the baseline"),
            (review.elsewhere, "on lines that did not change"),
        )
        if number
    ]
    if hidden:
        yield ((f"  not shown: {', '.join(hidden)}", "quiet"),)


def cost_words(cost: Cost) -> str:
    """``1.2 GB and 40 s a build``; nothing where there is no figure."""
    parts = []
    if cost.size_bytes:
        parts.append(size(cost.size_bytes))
    if cost.seconds:
        parts.append(f"{seconds(cost.seconds)} a build")
    return " and ".join(parts)


def basis_words(cost: Cost) -> str:
    """How a figure was come by."""
    if cost.basis is Basis.NONE or not (cost.size_bytes or cost.seconds):
        return ""
    kind = "measured" if cost.basis is Basis.MEASURED else "estimated"
    return f"{kind}: {cost.source}" if cost.source else kind


def _finding_lines(finding: Finding, review: Review, columns: int) -> Iterator[Line]:
    style = _STYLES[finding.severity]
    words = cost_words(finding.cost)
    name: Line = () if is_foreign(finding.rule) else ((f" {name_of(finding.rule)}", "quiet"),)
    cost: Line = ((f"  {words}", "mark"),) if words else ()
    yield (
        (printable(str(finding.place)), "place"),
        ("  ", ""),
        (f"{finding.severity.value} {printable(finding.rule)}", style),
        *name,
        *cost,
    )
    yield from _paragraph((), finding.what, columns)
    source = review.source(finding.place.path)
    if source is not None:
        yield from _excerpt(finding.place, source, style, columns)
    if finding.why:
        yield from _paragraph((("why: ", "quiet"),), finding.why, columns)
    kind, _, rests_on = basis_words(finding.cost).partition(": ")
    if rests_on:
        yield from _paragraph(((f"{kind}: ", "quiet"),), rests_on, columns, "quiet")
    elif kind:
        yield ((f"  {kind}", "quiet"),)
    yield from _related_lines(finding, review, columns)
    if finding.fix is not None:
        flag = "--fix" if finding.fix.safety is Safety.SAFE else "--unsafe-fixes"
        yield from _paragraph((("fix: ", "good"),), f"{finding.fix.title} ({flag})", columns)


def _paragraph(head: Line, text: str, columns: int, style: Style = "") -> Iterator[Line]:
    """Words on as many lines as they need, all under the first."""
    indent = 2 + sum(len(piece) for piece, _ in head)
    lines = _wrapped(printable(text), max(20, columns - indent))
    for at, line in enumerate(lines):
        yield (("  ", ""), *head, (line, style)) if at == 0 else ((" " * indent, ""), (line, style))


def _wrapped(text: str, columns: int) -> list[str]:
    """Broken at blanks only; a word that is too long stays whole, so that it can be copied."""
    lines: list[str] = []
    room = 0
    for word in text.split(" "):
        width = width_of(word)
        if lines and width < room:
            lines[-1] += f" {word}"
            room -= width + 1
        else:
            lines.append(word)
            room = columns - width
    return lines


def _excerpt(place: Place, source: Source, style: Style, columns: int) -> Iterator[Line]:
    shown, more = excerpt(place, source, max(20, columns - 5 - len(str(place.end.line))))
    if not shown:
        return
    gutter = len(str(shown[-1].number))
    for line in shown:
        yield ((f"  {line.number:>{gutter}} | ", "quiet"), (line.text, ""))
        yield ((f"  {' ' * gutter} | ", "quiet"), (" " * line.start, ""), ("^" * line.width, style))
    if more:
        yield ((f"  {' ' * gutter} | … {_count(more, 'more line')}", "quiet"),)


def _related_lines(finding: Finding, review: Review, columns: int) -> Iterator[Line]:
    """The other places, each with the beginning of its line."""
    for place in finding.related[:_MOST_RELATED]:
        where = printable(str(place))
        source = review.source(place.path)
        room = columns - 9 - width_of(where)
        words = first_words(place, source, room) if source is not None and room > 0 else ""
        yield (("  see: ", "quiet"), (where, "place"), (f"  {words}" if words else "", "quiet"))
    more = len(finding.related) - _MOST_RELATED
    if more > 0:
        yield ((f"       and {more} more", "quiet"),)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _kinds(summary: Summary) -> str:
    kinds = [
        _count(summary.by_severity[severity], severity.value)
        if severity is not Severity.INFO
        else f"{summary.by_severity[severity]} info"
        for severity in Severity
        if summary.by_severity[severity]
    ]
    return f": {', '.join(kinds)}" if kinds else ""


def _costs(summary: Summary) -> str:
    parts = []
    if summary.size_bytes:
        rests = [f"{size(amount)} {_BASES[basis]}" for basis, amount in summary.by_basis.items() if amount]
        parts.append(f"{size(summary.size_bytes)} ({', '.join(rests)})")
    if summary.seconds:
        parts.append(f"{seconds(summary.seconds)} a build")
    return f"together they cost {' and '.join(parts)}"


_BASES: Final = {Basis.MEASURED: "measured", Basis.TABLE: "by table"}


def _fixes(summary: Summary) -> str:
    parts = []
    if summary.safe_fixes:
        parts.append(f"{summary.safe_fixes} can be mended with --fix")
    if summary.unsafe_fixes:
        parts.append(
            f"{summary.unsafe_fixes} more with --unsafe-fixes"
            if parts
            else f"{summary.unsafe_fixes} can be mended with --unsafe-fixes"
        )
    return ", ".join(parts)
