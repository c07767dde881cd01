"""``wherry lsp`` as an editor has it: a real client, over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

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

    def __init__(self, root: Path, capabilities: types.ClientCapabilities | None = None) -> None:
        self.root = root
        self.capabilities = capabilities or types.ClientCapabilities()
        self.registered: list[types.Registration] = []
        self.client: Any = LanguageClient("an-editor", "1")  # much of it has no types
        self.told: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.version = 0

        def published(params: types.PublishDiagnosticsParams) -> None:
            self.told.put_nowait(params)

        def asked(params: types.RegistrationParams) -> None:
            self.registered += params.registrations

        self.client.feature(types.CLIENT_REGISTER_CAPABILITY)(asked)
        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(published)

    def uri(self, name: str = "Dockerfile") -> str:
        return (self.root / name).as_uri()

    async def start(self) -> types.InitializeResult:
        await self.client.start_io(sys.executable, "-m", "wherry", "lsp", "--stdio", cwd=self.root)
        made: types.InitializeResult = await self.client.initialize_async(
            types.InitializeParams(self.capabilities, root_uri=self.root.as_uri())
        )
        self.client.initialized(types.InitializedParams())
        return made

    async def open(self, text: str, name: str = "Dockerfile") -> list[types.Diagnostic]:
        self.show(self.uri(name), text)
        return await self.diagnostics()

    def show(self, uri: str, text: str, language: str = "dockerfile") -> None:
        item = types.TextDocumentItem(uri, language, self.version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def saved(self, name: str) -> None:
        named = types.TextDocumentIdentifier(self.uri(name))
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(named))

    async def change(self, text: str) -> list[types.Diagnostic]:
        self.type(text)
        return await self.diagnostics()

    def type(self, text: str) -> None:
        self.version += 1
        named = types.VersionedTextDocumentIdentifier(self.version, self.uri())
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(named, [whole]))

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

    async def end(self, *, is_polite: bool = True) -> int:
        """Part, as the protocol has it or not; the server's exit code."""
        if is_polite:
            await asyncio.wait_for(self.client.shutdown_async(None), PATIENCE_S)
        self.client.exit(None)
        server = self.client._server
        code = await asyncio.wait_for(server.wait(), PATIENCE_S)
        await self.client.stop()
        return int(code)


class Player(Protocol):
    """Starts an editor in a repository, plays, and parts."""

    def __call__(
        self,
        play: Play,
        capabilities: types.ClientCapabilities | None = None,
        *,
        is_polite: bool = True,
        code: int = 0,
    ) -> None: ...


Play: TypeAlias = "Callable[[Editor], Awaitable[None]]"


@pytest.fixture
def with_editor(tmp_path: Path) -> Player:
    (tmp_path / ".git").mkdir()

    def run(
        play: Play,
        capabilities: types.ClientCapabilities | None = None,
        *,
        is_polite: bool = True,
        code: int = 0,
    ) -> None:
        async def all_of_it() -> None:
            editor = Editor(tmp_path, capabilities)
            made = await editor.start()
            assert made.server_info is not None
            assert made.server_info.name == "wherry"
            try:
                await play(editor)
            finally:
                ended = await editor.end(is_polite=is_polite)
            assert ended == code

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
    with_editor: Player,
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


def test_a_document_that_is_closed_has_nothing_to_say(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        assert await editor.open(PIP)
        named = types.TextDocumentIdentifier(editor.uri())
        editor.client.text_document_did_close(types.DidCloseTextDocumentParams(named))
        assert await editor.diagnostics() == []

    with_editor(play)


def test_a_quick_fix_is_the_edit_that_the_command_makes(with_editor: Player) -> None:
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


def test_all_safe_fixes_at_once_are_those_of_fix(with_editor: Player) -> None:
    text = "FROM python:3.12\nRUN apt-get update && apt-get install -y git\nRUN pip install numpy\nCMD x\n"

    async def play(editor: Editor) -> None:
        await editor.open(text)
        anywhere = types.Range(types.Position(0, 0), types.Position(0, 0))
        (action,) = await editor.actions(anywhere, [types.CodeActionKind.SourceFixAll])
        assert edited(text, action, editor.uri()) == fixed_by_the_command(editor.root, text, Safety.SAFE)
        assert await editor.actions(anywhere, [types.CodeActionKind.Refactor]) == []

    with_editor(play)


def test_columns_are_those_of_the_editor_whatever_stands_before_them(
    with_editor: Player,
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


def test_a_page_is_shown_under_the_pointer_and_nothing_beside_it(with_editor: Player) -> None:
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
def test_what_is_broken_is_an_error_on_its_line(with_editor: Player, text: str, line: int, what: str) -> None:
    async def play(editor: Editor) -> None:
        (found,) = await editor.open(text)
        assert found.severity == types.DiagnosticSeverity.Error
        assert found.code == "syntax"
        assert found.range.start.line == line
        assert what in found.message
        assert await editor.actions(found.range) == []
        assert coded(await editor.change(PIP), "syntax") is None

    with_editor(play)


def test_half_a_letter_is_no_reason_to_say_nothing(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        assert coded(await editor.open(f"# \ud83d\n{PIP}"), "G1") is not None

    with_editor(play)


def test_a_document_that_is_on_no_disk_is_judged_all_the_same(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        assert coded(await editor.open(PIP, "new/folder/Dockerfile"), "G1") is not None

    with_editor(play)


def test_settings_that_are_wrong_are_told_and_do_not_end_the_server(
    with_editor: Player,
) -> None:
    async def play(editor: Editor) -> None:
        settings = editor.root / "pyproject.toml"
        settings.write_text("[tool.wherry.check]\nselct = []\n")
        (told,) = await editor.open(PIP)
        assert (told.code, told.range.start.line) == ("not-checked", 0)
        assert "unknown key 'selct'" in told.message
        assert "pyproject.toml" in told.message
        settings.unlink()
        assert coded(await editor.change(PIP), "G1") is not None

    with_editor(play)


def test_a_finding_names_the_other_files_it_concerns(with_editor: Player) -> None:
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


def test_a_finding_says_what_it_costs(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        found = coded(await editor.open(PIP), "G1")
        assert found is not None
        assert found.message.splitlines()[0].endswith(" GB)")

    with_editor(play)


def test_a_comment_that_silences_nothing_is_faded(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        text = PIP_MENDED.replace("RUN", "# wherry: ignore=G1 because\nRUN")
        found = coded(await editor.open(text), "unused-ignore")
        assert found is not None
        assert found.range.start.line == 1
        assert list(found.tags or ()) == [types.DiagnosticTag.Unnecessary]

    with_editor(play)


def test_many_changes_in_a_row_are_judged_when_they_pause(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        await editor.open(PIP)
        for number in range(50):
            editor.type(f"{PIP}# {number}\n")
        editor.type(PIP_MENDED)
        assert coded(await editor.diagnostics(), "G1") is None
        assert editor.told.empty()

    with_editor(play)


def test_what_is_asked_while_somebody_types_is_of_the_text_as_it_is(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        await editor.open(PIP_MENDED)
        editor.type(PIP)
        (action,) = [
            one
            for one in await editor.actions(types.Range(types.Position(1, 4), types.Position(1, 4)))
            if one.title.startswith("G1: ")
        ]
        assert edited(PIP, action, editor.uri()) == PIP_MENDED

    with_editor(play)


def test_what_stands_beside_is_no_dockerfile_and_judged_with_it_when_saved(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        text = "FROM python:3.12-slim\nCOPY . .\nRUN pip install --no-cache-dir torch==2.4.1\n"
        assert coded(await editor.open(text), "B11") is not None
        editor.show(editor.uri("compose.yaml"), "services: {}\n", "yaml")
        (editor.root / ".dockerignore").write_text("*\n!requirements.txt\n")
        editor.saved(".dockerignore")
        assert coded(await editor.diagnostics(), "B11") is None
        assert editor.told.empty()

    with_editor(play)


def test_an_editor_that_can_is_asked_to_watch_what_stands_beside(with_editor: Player) -> None:
    can = types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
    workspace = types.WorkspaceClientCapabilities(did_change_watched_files=can)

    async def play(editor: Editor) -> None:
        await editor.open(PIP)
        (watched,) = editor.registered
        assert watched.method == types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        (editor.root / "pyproject.toml").write_text('[tool.wherry.check]\nignore = ["G1"]\n')
        changes = types.DidChangeWatchedFilesParams([])
        editor.client.workspace_did_change_watched_files(changes)
        assert coded(await editor.diagnostics(), "G1") is None

    with_editor(play, types.ClientCapabilities(workspace=workspace))


def test_a_document_that_is_no_file_is_judged_and_mended_alone(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        (editor.root / "Untitled-1").write_text("not this\n")
        for uri in ("untitled:Untitled-1", "vscode-remote://host/Dockerfile"):
            editor.show(uri, PIP)
            assert coded(await editor.diagnostics(), "G1") is not None
            params = types.CodeActionParams(
                types.TextDocumentIdentifier(uri),
                types.Range(types.Position(1, 4), types.Position(1, 4)),
                types.CodeActionContext([]),
            )
            found = await asyncio.wait_for(editor.client.text_document_code_action_async(params), PATIENCE_S)
            assert edited(PIP, found[0], uri) == PIP_MENDED

    with_editor(play)


def test_a_fix_changes_its_lines_and_creates_the_files_it_needs(with_editor: Player) -> None:
    edit = types.WorkspaceEditClientCapabilities(
        document_changes=True, resource_operations=[types.ResourceOperationKind.Create]
    )
    text = "FROM python:3.12-slim\nCOPY . .\nRUN pip install torch==2.4.1\n"

    async def play(editor: Editor) -> None:
        await editor.open(text)
        actions = await editor.actions(types.Range(types.Position(1, 0), types.Position(2, 9)))
        changes = {one.title[:3].rstrip(":"): one.edit.document_changes for one in actions if one.edit}
        (changed,) = changes["G1"] or ()
        assert isinstance(changed, types.TextDocumentEdit)
        assert (changed.text_document.uri, changed.text_document.version) == (editor.uri(), 0)
        assert [one.range.start for one in changed.edits] == [types.Position(2, 0)]
        create, written = changes["B11"] or ()
        assert isinstance(create, types.CreateFile)
        assert isinstance(written, types.TextDocumentEdit)
        assert create.uri == written.text_document.uri == editor.uri(".dockerignore")

    with_editor(
        play, types.ClientCapabilities(workspace=types.WorkspaceClientCapabilities(workspace_edit=edit))
    )


def test_a_file_beside_that_is_open_and_changed_is_left_alone(with_editor: Player) -> None:
    text = "FROM python:3.12-slim\nCOPY . .\nRUN pip install --no-cache-dir torch==2.4.1\n"
    everywhere = types.Range(types.Position(0, 0), types.Position(3, 0))

    async def play(editor: Editor) -> None:
        (editor.root / ".dockerignore").write_text("*.md\n")
        await editor.open(text)
        assert [one for one in await editor.actions(everywhere) if one.title.startswith("B11")]
        editor.show(editor.uri(".dockerignore"), "*.rst\n", "ignore")
        assert not [one for one in await editor.actions(everywhere) if one.title.startswith("B11")]

    with_editor(play)


def test_an_editor_that_counts_bytes_is_told_bytes(with_editor: Player) -> None:
    general = types.GeneralClientCapabilities(
        position_encodings=[types.PositionEncodingKind.Utf8, types.PositionEncodingKind.Utf16]
    )
    text = 'FROM python:3.12-slim\nRUN echo "🐳é" && pip install torch==2.4.1\n'
    start = len('RUN echo "🐳é" && '.encode())

    async def play(editor: Editor) -> None:
        found = coded(await editor.open(text), "G1")
        assert found is not None
        assert found.range.start == types.Position(1, start)
        assert [one for one in await editor.actions(found.range) if one.title.startswith("G1: ")]

    with_editor(play, types.ClientCapabilities(general=general))


def test_who_leaves_without_a_word_is_told_so_by_the_exit_code(with_editor: Player) -> None:
    async def play(editor: Editor) -> None:
        await editor.open(PIP)

    with_editor(play, is_polite=False, code=1)
