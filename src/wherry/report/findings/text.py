"""Findings for a terminal: the place, the lines with what is meant underlined, the cost, and the mend.

Lines are made of pieces with a style's name; the command line decides what a style looks like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from wherry.check.catalogue import find_rule
from wherry.check.model import Basis, Safety, Severity
from wherry.dockerfile.source import Span
from wherry.report.amounts import seconds, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.engine import Judgement
    from wherry.check.model import Cost, Finding, Place
    from wherry.dockerfile.source import Source
    from wherry.report.findings.model import Review, Summary

Style = Literal["", "error", "warning", "info", "place", "quiet", "mark", "good"]
Line = tuple[tuple[str, Style], ...]

_MOST_LINES: Final = 4
_WIDEST: Final = 110
_STYLES: Final[dict[Severity, Style]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}


def text_lines(review: Review) -> Iterator[Line]:
    """Everything a person wants to see, the costliest finding first."""
    for error in review.broken:
        yield from (((line, "error" if at == 0 else ""),) for at, line in enumerate(error.lines()))
        yield ()
    for finding in review.findings:
        yield from _finding_lines(finding, review)
        yield ()
    for judgement in review.judgements:
        yield from _ignore_lines(judgement, review)
    for note in [*review.notes, *(note for one in review.judgements for note in one.notes)]:
        yield (("note: ", "info"), (printable(note), ""))
    yield from summary_lines(review)


def summary_lines(review: Review) -> Iterator[Line]:
    """How many findings there are, what they cost together, and what can be mended."""
    summary = review.summary()
    applied = sum(len(one.applied) for one in review.mended)
    if applied:
        yield ((f"mended {_count(applied, 'finding')}", "good"),)
    for finding, reason in (pair for one in review.mended for pair in one.refused):
        yield (
            ("not mended: ", "warning"),
            (f"{finding.rule} at {printable(str(finding.place))}: {reason}", ""),
        )
    head = _count(summary.findings, "finding") if summary.findings else "no findings"
    yield ((f"{head} in {_count(summary.files, 'file')}", "mark"), (_kinds(summary), ""))
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


def printable(text: str) -> str:
    """*text* with control characters escaped: a hostile file must not move the cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


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


def _finding_lines(finding: Finding, review: Review) -> Iterator[Line]:
    rule = find_rule(finding.rule)
    style = _STYLES[finding.severity]
    words = cost_words(finding.cost)
    cost: Line = ((f"  {words}", "mark"),) if words else ()
    yield (
        (printable(str(finding.place)), "place"),
        ("  ", ""),
        (f"{finding.severity.value} {finding.rule}", style),
        (f" {rule.name}", "quiet"),
        *cost,
    )
    yield ((f"  {printable(finding.what)}", ""),)
    source = review.source(finding.place.path)
    if source is not None:
        yield from _excerpt(finding.place, source, style)
    yield (("  why: ", "quiet"), (printable(finding.why), ""))
    basis = basis_words(finding.cost)
    if basis:
        yield ((f"  {basis}", "quiet"),)
    for place in finding.related:
        yield (("  see: ", "quiet"), (printable(str(place)), "place"))
    if finding.fix is not None:
        flag = "--fix" if finding.fix.safety is Safety.SAFE else "--unsafe-fixes"
        yield (("  fix: ", "good"), (printable(finding.fix.title), ""), (f" ({flag})", "quiet"))


def _excerpt(place: Place, source: Source, style: Style) -> Iterator[Line]:
    """The lines of a place, each with what is meant underlined; of a long place its first lines."""
    last = min(place.end.line, place.start.line + _MOST_LINES - 1)
    width = len(str(last))
    for number in range(place.start.line, last + 1):
        line = source.line_span(number)
        text = source.text(line)
        before = len(source.text(Span(line.start, max(line.start, min(place.span.start, line.end)))))
        until = len(source.text(Span(line.start, max(line.start, min(place.span.end, line.end)))))
        shift = max(0, before - _WIDEST // 2) if len(text) > _WIDEST else 0
        shown = printable(text[shift : shift + _WIDEST].expandtabs(1))
        yield ((f"  {number:>{width}} | ", "quiet"), (shown, ""))
        first = before if number == place.start.line else len(text) - len(text.lstrip())
        marks = max(1, min(until, shift + _WIDEST) - first)
        if number == place.start.line or until > first:
            yield ((f"  {' ' * width} | ", "quiet"), (" " * (first - shift), ""), ("^" * marks, style))
    if last < place.end.line:
        yield ((f"  {' ' * width} | … {place.end.line - last} more lines", "quiet"),)


def _ignore_lines(judgement: Judgement, review: Review) -> Iterator[Line]:
    source = review.source(judgement.path)
    for ignore in judgement.unused_ignores:
        line = source.position(ignore.span.start).line if source else 1
        codes = ", ".join(ignore.codes)
        yield (
            (f"{printable(judgement.path)}:{line}", "place"),
            ("  note", "info"),
            (f" this comment silences nothing: {printable(codes)}", ""),
        )


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
