"""The language server: diagnostics as one types, proven quick fixes, a rule's page under the pointer.

Source: Language Server Protocol 3.17. A document is judged as the editor has it; its neighbours as they are
on the disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from wherry import __version__
from wherry.check.catalogue import find_rule, page_of
from wherry.check.model import Safety, Severity
from wherry.check.review import Asked, review
from wherry.dockerfile.source import Source, Span, encode
from wherry.dockerfile.syntax import DockerfileError
from wherry.editor.positions import offset_of, range_of
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.model import Finding
    from wherry.check.review import Reviewed

NAME: Final = "wherry"

_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}


class CheckServer(LanguageServer):
    """Judges the documents that an editor has open."""

    def __init__(self) -> None:
        super().__init__(NAME, __version__)
        self._judged: dict[str, tuple[Source, tuple[Finding, ...]]] = {}

    def judge(self, uri: str) -> None:
        """Judge a document as it is now, and publish what there is to say of it."""
        document = self.workspace.get_text_document(uri)
        path = to_fs_path(uri)
        source = Source(path or uri, encode(document.source))
        diagnostics: list[types.Diagnostic] = []
        findings: tuple[Finding, ...] = ()
        try:
            reviewed = review(_asked(source))
            findings = _own(reviewed, source)
            diagnostics += [_refusal(error, source) for error in reviewed.broken]
        except InputError as error:  # settings that are wrong, a file that went away
            self.window_log_message(types.LogMessageParams(types.MessageType.Warning, error.what))
        self._judged[uri] = source, findings
        diagnostics += [_diagnostic(finding, source) for finding in findings]
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, diagnostics, document.version)
        )

    def forget(self, uri: str) -> None:
        """The editor has closed a document."""
        self._judged.pop(uri, None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def at(self, uri: str, wanted: types.Range) -> Iterator[tuple[Source, Finding]]:
        """What was found within a range of a document."""
        source, findings = self._judged.get(uri, (None, ()))
        if source is None:
            return
        start, end = offset_of(source, wanted.start), offset_of(source, wanted.end)
        for finding in findings:
            if finding.place.span.start <= end and start <= finding.place.span.end:
                yield source, finding


def make_server() -> CheckServer:
    """A server with all it answers to."""
    server = CheckServer()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.judge(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.judge(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        server.judge(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri)

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(
            code_action_kinds=[types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll]
        ),
    )
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        return code_actions(server, params)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        return hover(server, params)

    return server


def code_actions(server: CheckServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    """The mends of what was found in a range, each only if it proves right, and all safe ones at once."""
    uri = params.text_document.uri
    wanted = params.context.only
    actions: list[types.CodeAction] = []
    for source, finding in server.at(uri, params.range):
        if finding.fix is None or (wanted and types.CodeActionKind.QuickFix not in wanted):
            continue
        edit = _mended(source, finding.fix.safety, (finding.rule,))
        if edit is not None:
            title = f"{finding.rule}: {finding.fix.title}"
            title += "" if finding.fix.safety is Safety.SAFE else " (unsafe)"
            actions.append(
                types.CodeAction(
                    title,
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[_diagnostic(finding, source)],
                    edit=edit,
                )
            )
    if wanted and types.CodeActionKind.SourceFixAll in wanted:
        document = server.workspace.get_text_document(uri)
        edit = _mended(Source(to_fs_path(uri) or uri, encode(document.source)), Safety.SAFE, ())
        if edit is not None:
            actions.append(
                types.CodeAction("wherry: all safe fixes", kind=types.CodeActionKind.SourceFixAll, edit=edit)
            )
    return actions


def hover(server: CheckServer, params: types.HoverParams) -> types.Hover | None:
    """The pages of the rules that have something to say at a position."""
    found = list(server.at(params.text_document.uri, types.Range(params.position, params.position)))
    if not found:
        return None
    pages = []
    for code in dict.fromkeys(finding.rule for _, finding in found):
        rule = find_rule(code)
        pages.append(f"# {rule.code} {rule.name}\n\n{page_of(rule)}")
    source, first = found[0]
    return types.Hover(
        types.MarkupContent(types.MarkupKind.Markdown, "\n\n---\n\n".join(pages)),
        range_of(source, first.place.span),
    )


def _asked(source: Source, allowed: Safety | None = None, only: Sequence[str] = ()) -> Asked:
    return Asked(
        (Path(source.name),),
        texts={source.name: source.data},
        allowed=allowed,
        only=frozenset(only) if only else None,
    )


def _own(reviewed: Reviewed, source: Source) -> tuple[Finding, ...]:
    """The findings whose place is in the document itself."""
    findings = (finding for one in reviewed.judgements for finding in one.findings)
    return tuple(finding for finding in findings if finding.place.path == source.name)


def _diagnostic(finding: Finding, source: Source) -> types.Diagnostic:
    rule = find_rule(finding.rule)
    return types.Diagnostic(
        range_of(source, finding.place.span),
        f"{finding.what}\n{finding.why}",
        severity=_SEVERITIES[finding.severity],
        code=f"{rule.code} {rule.name}",
        source=NAME,
        related_information=[
            types.DiagnosticRelatedInformation(
                types.Location(
                    from_fs_path(str(Path(place.path).absolute())) or place.path,
                    types.Range(
                        types.Position(place.start.line - 1, place.start.column - 1),
                        types.Position(place.end.line - 1, place.end.column - 1),
                    ),
                ),
                "this concerns it too",
            )
            for place in finding.related
        ],
    )


def _refusal(error: InputError, source: Source) -> types.Diagnostic:
    """What BuildKit would refuse, on the line where it would."""
    span = error.span if isinstance(error, DockerfileError) else None
    if span is None:
        line = error.line if isinstance(error, DockerfileError) and error.line else 1
        span = source.line_span(line)
    text = f"{error.what}\n{error.mend}" if error.mend else error.what
    end = min(span.end, source.line_span(source.line(span.start)).end)
    return types.Diagnostic(
        range_of(source, Span(span.start, max(span.start, end))),
        text,
        severity=types.DiagnosticSeverity.Error,
        code="syntax",
        source=NAME,
    )


def _mended(source: Source, safety: Safety, only: Sequence[str]) -> types.WorkspaceEdit | None:
    """The edit that brings every changed file to what the proven fixes make of it; None for no change."""
    try:
        reviewed = review(_asked(source, safety, only))
    except InputError:
        return None
    changes: dict[str, list[types.TextEdit]] = {}
    for one in reviewed.mended:
        for path, text in one.after.items():
            old = Source(path, one.before[path])
            uri = from_fs_path(str(Path(path).absolute())) or path
            whole = range_of(old, Span(0, len(old.data)))
            changes[uri] = [types.TextEdit(whole, Source(path, text).text(Span(0, len(text))))]
    return types.WorkspaceEdit(changes=changes) if changes else None
