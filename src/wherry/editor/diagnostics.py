"""Findings as diagnostics: what, what it costs and why, where the editor can underline it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lsprotocol import types

from wherry.check.catalogue import title_of
from wherry.check.model import Severity
from wherry.dockerfile.source import Source, Span
from wherry.dockerfile.syntax import DockerfileError
from wherry.editor.documents import uri_of
from wherry.editor.positions import range_of
from wherry.report.findings.model import words_of_unused
from wherry.report.findings.text import cost_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.ignores import Ignore
    from wherry.check.model import Finding, Place
    from wherry.editor.documents import Judged
    from wherry.errors import InputError

NAME: Final = "wherry"

_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}


def diagnostics_of(judged: Judged, uri: str, encoding: types.PositionEncodingKind) -> list[types.Diagnostic]:
    """All there is to say of a document."""
    return [
        *(refusal(error, judged.source, encoding) for error in judged.broken),
        *(diagnostic(finding, judged, uri, encoding) for finding in judged.findings),
        *(_unused(ignore, judged.source, encoding) for ignore in judged.unused_ignores),
    ]


def diagnostic(
    finding: Finding, judged: Judged, uri: str, encoding: types.PositionEncodingKind
) -> types.Diagnostic:
    """One finding."""
    cost = cost_words(finding.cost)
    return types.Diagnostic(
        range_of(judged.source, finding.place.span, encoding),
        "\n".join(filter(None, [f"{finding.what}{f' ({cost})' if cost else ''}", finding.why])),
        severity=_SEVERITIES[finding.severity],
        code=title_of(finding.rule),
        source=NAME,
        related_information=list(_related(finding.related, judged, uri, encoding)),
    )


def refusal(error: InputError, source: Source, encoding: types.PositionEncodingKind) -> types.Diagnostic:
    """What BuildKit would refuse, on the line where it would; what is wrong elsewhere, on the first."""
    is_here = isinstance(error, DockerfileError)
    span = error.span if isinstance(error, DockerfileError) else None
    if span is None:
        span = source.line_span(error.line if isinstance(error, DockerfileError) and error.line else 1)
    end = min(span.end, source.line_span(source.line(span.start)).end)
    where = "" if is_here else error.where
    return types.Diagnostic(
        range_of(source, Span(span.start, max(span.start, end)), encoding),
        "\n".join(filter(None, [error.what, where, error.mend])),
        severity=types.DiagnosticSeverity.Error,
        code="syntax" if is_here else "not-checked",
        source=NAME,
    )


def _unused(ignore: Ignore, source: Source, encoding: types.PositionEncodingKind) -> types.Diagnostic:
    return types.Diagnostic(
        range_of(source, ignore.span, encoding),
        words_of_unused(ignore),
        severity=types.DiagnosticSeverity.Hint,
        code="unused-ignore",
        source=NAME,
        tags=[types.DiagnosticTag.Unnecessary],
    )


def _related(
    places: tuple[Place, ...], judged: Judged, uri: str, encoding: types.PositionEncodingKind
) -> Iterator[types.DiagnosticRelatedInformation]:
    for place in places:
        is_own = place.path == judged.source.name
        source = judged.source if is_own else judged.beside(place.path)
        if source is not None:
            location = types.Location(
                uri if is_own else uri_of(place.path), range_of(source, place.span, encoding)
            )
            yield types.DiagnosticRelatedInformation(location, "this concerns it too")
