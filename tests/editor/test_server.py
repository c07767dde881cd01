"""``wherry lsp`` as an editor has it: a real client, over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from wherry.check.catalogue import find_rule, page_of
from wherry.check.model import Safety
from wherry.check.review import Asked, review

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

PIP = "FROM python:3.12-slim\nRUN pip install torch==2.4.1\n"
PIP_MENDED = "FROM python:3.12-slim\nRUN pip install --no-cache-dir torch==2.4.1\n"
PATIENCE_S = 60


class Editor:
    """A client, and what the server has told it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.client: Any = LanguageClient("an-editor", "1")  # much of it has no types
        self.told: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.messages: list[str] = []
        self.version = 0

        def published(params: types.PublishDiagnosticsParams) -> None:
            self.told.put_nowait(params)

        def logged(params: types.LogMessageParams) -> None:
            self.messages.append(params.message)

        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(published)
        self.client.feature(types.WINDOW_LOG_MESSAGE)(logged)

    def uri(self, name: str = "Dockerfile") -> str:
        return (self.root / name).as_uri()

    async def start(self) -> types.InitializeResult:
        await self.client.start_io(sys.executable, "-m", "wherry", "lsp", "--stdio", cwd=self.root)
        made: types.InitializeResult = await self.client.initialize_async(
            types.InitializeParams(types.ClientCapabilities(), root_uri=self.root.as_uri())
        )
        self.client.initialized(types.InitializedParams())
        return made

    async def open(self, text: str, name: str = "Dockerfile") -> list[types.Diagnostic]:
        item = types.TextDocumentItem(self.uri(name), "dockerfile", self.version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return await self.diagnostics()

    async def change(self, text: str) -> list[types.Diagnostic]:
        self.version += 1
        named = types.VersionedTextDocumentIdentifier(self.version, self.uri())
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(named, [whole]))
        return await self.diagnostics()

    async def diagnostics(self) -> list[types.Diagnostic]:
        params = await asyncio.wait_for(self.told.get(), PATIENCE_S)
        return list(params.diagnostics)

    async def actions(
        self, wanted: types.Range, only: list[types.CodeActionKind | str] | None = None
    ) -> list[types.CodeAction]:
        context = types.CodeActionContext([], only=only)
        params = types.CodeActionParams(types.TextDocumentIdentifier(self.uri()), wanted, context)
        found = await asyncio.wait_for(self.client.text_document_code_action_async(params), PATIENCE_S)
        return [one for one in found or [] if isinstance(one, types.CodeAction)]

    async def hover(self, line: int, character: int) -> types.Hover | None:
        params = types.HoverParams(types.TextDocumentIdentifier(self.uri()), types.Position(line, character))
        return await asyncio.wait_for(self.client.text_document_hover_async(params), PATIENCE_S)

    async def end(self) -> int:
        """Part as the protocol has it; the server's exit code."""
        await asyncio.wait_for(self.client.shutdown_async(None), PATIENCE_S)
        self.client.exit(None)
        server = self.client._server
        code = await asyncio.wait_for(server.wait(), PATIENCE_S)
        await self.client.stop()
        return int(code)


Play: TypeAlias = "Callable[[Editor], Awaitable[None]]"


@pytest.fixture
def with_editor(tmp_path: Path) -> Callable[[Play], None]:
    (tmp_path / ".git").mkdir()

    def run(play: Play) -> None:
        async def all_of_it() -> None:
            editor = Editor(tmp_path)
            made = await editor.start()
            assert made.server_info is not None
            assert made.server_info.name == "wherry"
            try:
                await play(editor)
            finally:
                code = await editor.end()
            assert code == 0

        asyncio.run(all_of_it())

    return run


def coded(diagnostics: list[types.Diagnostic], rule: str) -> types.Diagnostic | None:
    return next((one for one in diagnostics if str(one.code).split()[0] == rule), None)


def edited(text: str, action: types.CodeAction, uri: str) -> str:
    """*text* after the edits of an action, applied as an editor does: from the last to the first."""
    assert action.edit is not None
    assert action.edit.changes is not None
    units = text.encode("utf-16-le")
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode("utf-16-le")))
    starts += [starts[-1]]

    def at(position: types.Position) -> int:
        return starts[position.line] + 2 * position.character

    for edit in sorted(action.edit.changes[uri], key=lambda one: at(one.range.start), reverse=True):
        units = (
            units[: at(edit.range.start)] + edit.new_text.encode("utf-16-le") + units[at(edit.range.end) :]
        )
    return units.decode("utf-16-le")


def fixed_by_the_command(root: Path, text: str, safety: Safety) -> str:
    path = root / "Dockerfile"
    reviewed = review(Asked((path,), texts={str(path): text.encode()}, allowed=safety))
    (mended,) = reviewed.mended
    return mended.after[str(path)].decode()


def test_what_is_opened_is_judged_and_what_is_mended_falls_silent(
    with_editor: Callable[[Play], None],
) -> None:
    async def play(editor: Editor) -> None:
        found = coded(await editor.open(PIP), "G1")
        assert found is not None
        assert (found.source, found.severity) == ("wherry", types.DiagnosticSeverity.Warning)
        assert found.code == "G1 pip-cache-kept"
        assert found.range == types.Range(types.Position(1, 4), types.Position(1, 28))
        assert coded(await editor.change(PIP_MENDED), "G1") is None
        assert coded(await editor.change(PIP), "G1") is not None

    with_editor(play)


def test_a_document_that_is_closed_has_nothing_to_say(with_editor: Callable[[Play], None]) -> None:
    async def play(editor: Editor) -> None:
        assert await editor.open(PIP)
        named = types.TextDocumentIdentifier(editor.uri())
        editor.client.text_document_did_close(types.DidCloseTextDocumentParams(named))
        assert await editor.diagnostics() == []

    with_editor(play)


def test_a_quick_fix_is_the_edit_that_the_command_makes(with_editor: Callable[[Play], None]) -> None:
    async def play(editor: Editor) -> None:
        found = coded(await editor.open(PIP), "G1")
        assert found is not None
        actions = await editor.actions(found.range)
        action = next(one for one in actions if one.title.startswith("G1: "))
        assert action.kind == types.CodeActionKind.QuickFix
        assert action.diagnostics is not None
        assert [one.code for one in action.diagnostics] == ["G1 pip-cache-kept"]
        assert edited(PIP, action, editor.uri()) == PIP_MENDED
        assert all("(unsafe)" in one.title for one in actions if not one.title.startswith("G1"))

    with_editor(play)


def test_all_safe_fixes_at_once_are_those_of_fix(with_editor: Callable[[Play], None]) -> None:
    text = "FROM python:3.12\nRUN apt-get update && apt-get install -y git\nRUN pip install numpy\nCMD x\n"

    async def play(editor: Editor) -> None:
        await editor.open(text)
        anywhere = types.Range(types.Position(0, 0), types.Position(0, 0))
        (action,) = await editor.actions(anywhere, [types.CodeActionKind.SourceFixAll])
        assert edited(text, action, editor.uri()) == fixed_by_the_command(editor.root, text, Safety.SAFE)
        assert await editor.actions(anywhere, [types.CodeActionKind.Refactor]) == []

    with_editor(play)


def test_columns_are_those_of_the_editor_whatever_stands_before_them(
    with_editor: Callable[[Play], None],
) -> None:
    text = 'FROM python:3.12-slim\nRUN echo "🐳🐳é" && pip install torch==2.4.1\n'
    start = len('RUN echo "🐳🐳é" && '.encode("utf-16-le")) // 2

    async def play(editor: Editor) -> None:
        found = coded(await editor.open(text), "G1")
        assert found is not None
        assert found.range.start == types.Position(1, start)
        assert found.range.end == types.Position(1, start + len("pip install torch==2.4.1"))
        (action,) = [one for one in await editor.actions(found.range) if one.title.startswith("G1: ")]
        assert edited(text, action, editor.uri()) == text.replace("torch", "--no-cache-dir torch")
        assert await editor.hover(1, start) is not None

    with_editor(play)


def test_a_page_is_shown_under_the_pointer_and_nothing_beside_it(with_editor: Callable[[Play], None]) -> None:
    async def play(editor: Editor) -> None:
        await editor.open(f"# a head\n{PIP}")
        shown = await editor.hover(2, 10)
        assert shown is not None
        assert isinstance(shown.contents, types.MarkupContent)
        assert page_of(find_rule("G1")) in shown.contents.value
        assert await editor.hover(0, 0) is None

    with_editor(play)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("FROM x\nRUNN y\n", 1, "there is no instruction 'RUNN'"),
        ("FROM x\nCOPY a\n", 1, "COPY"),
        ("", 0, ""),
        ("FROM x\nRUN <<EOF\n", 1, "EOF"),
    ],
)
def test_what_is_broken_is_an_error_on_its_line(
    with_editor: Callable[[Play], None], text: str, line: int, what: str
) -> None:
    async def play(editor: Editor) -> None:
        (found,) = await editor.open(text)
        assert found.severity == types.DiagnosticSeverity.Error
        assert found.code == "syntax"
        assert found.range.start.line == line
        assert what in found.message
        assert await editor.actions(found.range) == []
        assert coded(await editor.change(PIP), "syntax") is None

    with_editor(play)


def test_a_document_that_is_on_no_disk_is_judged_all_the_same(with_editor: Callable[[Play], None]) -> None:
    async def play(editor: Editor) -> None:
        assert coded(await editor.open(PIP, "new/folder/Dockerfile"), "G1") is not None

    with_editor(play)


def test_settings_that_are_wrong_are_told_and_do_not_end_the_server(
    with_editor: Callable[[Play], None],
) -> None:
    async def play(editor: Editor) -> None:
        settings = editor.root / "pyproject.toml"
        settings.write_text("[tool.wherry.check]\nselct = []\n")
        assert await editor.open(PIP) == []
        assert any("unknown key 'selct'" in message for message in editor.messages)
        settings.unlink()
        assert coded(await editor.change(PIP), "G1") is not None

    with_editor(play)


def test_a_finding_names_the_other_files_it_concerns(with_editor: Callable[[Play], None]) -> None:
    async def play(editor: Editor) -> None:
        (editor.root / "requirements.txt").write_text("torch==2.4.1\n")
        found = coded(
            await editor.open("FROM python:3.12-slim\nCOPY . .\nRUN pip install -r requirements.txt\n"), "B1"
        )
        assert found is not None
        assert found.related_information
        assert {one.location.uri for one in found.related_information} <= {
            editor.uri(),
            editor.uri("requirements.txt"),
        }

    with_editor(play)
