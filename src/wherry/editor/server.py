"""The language server: diagnostics as one types, proven quick fixes, a rule's page under the pointer.

Source: Language Server Protocol 3.17. A document is judged as the editor has it; its neighbours as they are
on the disk. While somebody types, it is judged when they pause: as long as the last judgement took.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from wherry import __version__
from wherry.check.catalogue import find_rule, is_foreign, page_of
from wherry.check.model import Safety
from wherry.editor.diagnostics import NAME, diagnostic, diagnostics_of, refusal
from wherry.editor.documents import is_dockerfile, judged, mended, source_of
from wherry.editor.edits import workspace_edit
from wherry.editor.positions import offset_of, range_of
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.model import Finding
    from wherry.editor.documents import Judged

_SHORTEST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0
_NEIGHBOURS: Final = "**/*.{yml,yaml,toml,txt,in,lock,dockerignore}"


class CheckServer(LanguageServer):
    """Judges the documents that an editor has open."""

    def __init__(self) -> None:
        super().__init__(NAME, __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.was_shut_down = False
        self._judged: dict[str, Judged | None] = {}  # of open documents; None: it cannot be judged
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._took_s = 0.0

    @property
    def encoding(self) -> types.PositionEncodingKind:
        """What the editor counts within a line."""
        return types.PositionEncodingKind(
            self.workspace.position_encoding or types.PositionEncodingKind.Utf16
        )

    def judge(self, uri: str) -> None:
        """Judge a document as it is now, and publish what there is to say of it."""
        self._stop_waiting(uri)
        document = self.workspace.get_text_document(uri)
        source = source_of(document)
        began = time.monotonic()
        try:
            found = judged(source)
            diagnostics = diagnostics_of(found, uri, self.encoding)
        except InputError as error:  # settings that are wrong, a file that went away
            found = None
            diagnostics = [refusal(error, source, self.encoding)]
        self._took_s = time.monotonic() - began
        self._judged[uri] = found
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, diagnostics, document.version)
        )

    def judge_soon(self, uri: str) -> None:
        """Judge an open document when nothing more has come for a while."""
        if uri not in self._judged:
            return
        self._stop_waiting(uri)
        pause_s = min(max(_SHORTEST_PAUSE_S, self._took_s), _LONGEST_PAUSE_S)
        self._waiting[uri] = asyncio.get_running_loop().call_later(pause_s, self.judge, uri)

    def judge_all_soon(self) -> None:
        """Something beside the documents has changed."""
        for uri in self._judged:
            self.judge_soon(uri)

    def forget(self, uri: str) -> None:
        """The editor has closed a document."""
        self._stop_waiting(uri)
        if uri in self._judged:
            del self._judged[uri]
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def is_open(self, uri: str) -> bool:
        """Whether the document is one that is judged."""
        return uri in self._judged

    def judgement(self, uri: str) -> Judged | None:
        """What there is to say of a document as it is now."""
        if uri in self._waiting:
            self.judge(uri)
        return self._judged.get(uri)

    def _stop_waiting(self, uri: str) -> None:
        if uri in self._waiting:
            self._waiting.pop(uri).cancel()


def make_server() -> CheckServer:
    """A server with all it answers to."""
    server = CheckServer()
    _follow_documents(server)
    _follow_neighbours(server)

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(
            code_action_kinds=[types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll]
        ),
    )
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        return list(code_actions(server, params))

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        return hover(server, params)

    @server.feature(types.SHUTDOWN)
    def shut_down(_params: None) -> None:
        server.was_shut_down = True

    return server


def _follow_documents(server: CheckServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        if is_dockerfile(server.workspace.get_text_document(params.text_document.uri)):
            server.judge(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.judge_soon(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        if server.is_open(params.text_document.uri):
            server.judge(params.text_document.uri)
        else:
            server.judge_all_soon()

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri)


def _follow_neighbours(server: CheckServer) -> None:
    @server.feature(types.INITIALIZED)
    def initialized(_params: types.InitializedParams) -> None:
        workspace = server.client_capabilities.workspace
        can = workspace.did_change_watched_files if workspace else None
        if can is not None and can.dynamic_registration:
            watched = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(_NEIGHBOURS)])
            name = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
            server.client_register_capability(
                types.RegistrationParams([types.Registration("neighbours", name, watched)])
            )

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def changed(_params: types.DidChangeWatchedFilesParams) -> None:
        server.judge_all_soon()


def code_actions(server: CheckServer, params: types.CodeActionParams) -> Iterator[types.CodeAction]:
    """The mends of what was found in a range, each only if it proves right, and all safe ones at once."""
    uri = params.text_document.uri
    wanted = params.context.only
    found = server.judgement(uri)
    if found is None:
        return
    kind = types.CodeActionKind.QuickFix
    for finding in _within(found, params.range, server.encoding) if not wanted or kind in wanted else ():
        if finding.fix is None:
            continue
        edit = _edit(server, uri, found, finding.fix.safety, finding.rule)
        if edit is not None:
            unsafe = "" if finding.fix.safety is Safety.SAFE else " (unsafe)"
            mends = [diagnostic(finding, found, uri, server.encoding)]
            title = f"{finding.rule}: {finding.fix.title}{unsafe}"
            yield types.CodeAction(title, kind=kind, diagnostics=mends, edit=edit)
    if wanted and types.CodeActionKind.SourceFixAll in wanted:
        edit = _edit(server, uri, found, Safety.SAFE)
        if edit is not None:
            title = "wherry: all safe fixes"
            yield types.CodeAction(title, kind=types.CodeActionKind.SourceFixAll, edit=edit)


def hover(server: CheckServer, params: types.HoverParams) -> types.Hover | None:
    """The pages of the rules that have something to say at a position."""
    found = server.judgement(params.text_document.uri)
    here = types.Range(params.position, params.position)
    findings = list(_within(found, here, server.encoding)) if found is not None else []
    rules = [find_rule(code) for code in dict.fromkeys(one.rule for one in findings) if not is_foreign(code)]
    if found is None or not rules:
        return None
    pages = [f"# {rule.code} {rule.name}\n\n{page_of(rule)}" for rule in rules]
    return types.Hover(
        types.MarkupContent(types.MarkupKind.Markdown, "\n\n---\n\n".join(pages)),
        range_of(found.source, findings[0].place.span, server.encoding),
    )


def _within(found: Judged, wanted: types.Range, encoding: types.PositionEncodingKind) -> Iterator[Finding]:
    """What was found within a range of a document."""
    start = offset_of(found.source, wanted.start, encoding)
    end = offset_of(found.source, wanted.end, encoding)
    for finding in found.findings:
        if finding.place.span.start <= end and start <= finding.place.span.end:
            yield finding


def _edit(
    server: CheckServer, uri: str, found: Judged, safety: Safety, rule: str | None = None
) -> types.WorkspaceEdit | None:
    """The edit that brings every changed file to what the proven fixes make of it; None for no change."""
    try:
        changed = mended(found.source, safety, rule)
    except InputError:
        return None
    own = types.VersionedTextDocumentIdentifier(server.workspace.get_text_document(uri).version or 0, uri)
    return workspace_edit(changed, own, found.source.name, server.workspace, server.client_capabilities)
