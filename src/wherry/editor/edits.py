"""Fixes as edits that an editor can apply: only the lines that change, in the document and beside it.

A file that is not there yet is created, where the editor can do so. One that the editor has open and has
changed is left alone: the fix was proven with the file as it is on the disk.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING

from lsprotocol import types

from wherry.dockerfile.source import Source, Span
from wherry.editor.documents import bytes_of, uri_of
from wherry.editor.positions import range_of
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pygls.workspace import Workspace


class _Change(Frozen):
    uri: str
    edits: list[types.TextEdit]
    version: int | None
    is_new: bool


def workspace_edit(
    changed: Mapping[str, tuple[bytes, bytes]],
    own: types.VersionedTextDocumentIdentifier,
    own_path: str,
    workspace: Workspace,
    client: types.ClientCapabilities,
) -> types.WorkspaceEdit | None:
    """The edit for files by path, before and after; None where there is none, or it cannot be applied."""
    encoding = types.PositionEncodingKind(workspace.position_encoding or types.PositionEncodingKind.Utf16)
    changes = []
    for path, (before, after) in changed.items():
        uri = own.uri if path == own_path else uri_of(path)
        beside = workspace.text_documents.get(uri) if path != own_path else None
        if not _is_text(after) or (beside is not None and bytes_of(beside) != before):
            return None
        edits = list(line_edits(Source(path, before), after, encoding))
        version = own.version if path == own_path else beside and beside.version
        is_new = path != own_path and beside is None and not os.path.lexists(path)
        changes.append(_Change(uri, edits, version, is_new))
    if not changes:
        return None
    can = client.workspace.workspace_edit if client.workspace else None
    creates = can is not None and types.ResourceOperationKind.Create in (can.resource_operations or ())
    if can is None or not can.document_changes or (any(one.is_new for one in changes) and not creates):
        return types.WorkspaceEdit(changes={one.uri: one.edits for one in changes})
    return types.WorkspaceEdit(document_changes=[part for one in changes for part in _parts(one)])


def line_edits(
    source: Source, after: bytes, encoding: types.PositionEncodingKind
) -> Iterator[types.TextEdit]:
    """The edits that make *after* of a file, each of whole lines."""
    old, new = source.data.splitlines(keepends=True), after.splitlines(keepends=True)
    offsets = [0]
    for line in old:
        offsets.append(offsets[-1] + len(line))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind != "equal":
            where = range_of(source, Span(offsets[start], offsets[end]), encoding)
            yield types.TextEdit(where, b"".join(new[new_start:new_end]).decode())


def _parts(change: _Change) -> Iterator[types.CreateFile | types.TextDocumentEdit]:
    if change.is_new:
        yield types.CreateFile(change.uri, options=types.CreateFileOptions(ignore_if_exists=True))
    named = types.OptionalVersionedTextDocumentIdentifier(change.uri, change.version)
    yield types.TextDocumentEdit(named, list(change.edits))


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
