"""What the Python code of a build context imports and downloads. Read with ``ast``, never run.

Gives ``read_imports(context)`` -> Imports:
    scripts                 every Script read: path, source, imports (top-level names), downloads
    names                   top-level name -> path of the first script that imports it
    is_complete             whether all code was read: at most 1,500 files, 3 MB, 300 kB each
    imports("cv2")          whether some script does
    script("download.py")   one script by its path, read even when the bounds were met
    downloads               all scripts' ScriptDownload: kind ("huggingface", "torch", "nltk", ...), source,
                            revision ("" when none is named), is_pinned (a whole commit), text (its place)

Tests, notebooks, virtual environments and caches are not read.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.check.facts.context_walk import Kind
from wherry.check.facts.python_code import code_calls, downloads_of, parse_code
from wherry.check.facts.texts import Text
from wherry.frozen import Frozen, Record
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.context import Context
    from wherry.dockerfile.source import Source

_MOST_FILES: Final = 1500
_MOST_BYTES: Final = 3_000_000
_MOST_BYTES_OF_ONE: Final = 300_000
_COMMIT: Final = regex(r"[0-9a-f]{40}")
_PASSED_OVER: Final = regex(
    r"(?:^|/)(?:tests?|\.[^/]+|venv|env|node_modules|site-packages|__pycache__|build|dist|docs?)/|(?:^|/)(?:test_[^/]*|conftest)\.py$"
)
_TELLING: Final = regex(
    rb"from_pretrained|_download|download|load_|SentenceTransformer|CrossEncoder|pipeline|hub|WhisperModel|YOLO"
    rb"|Reader|create_model|retrieve|requests|httpx|TextEmbedding|get_encoding|cached_path|pull|wget"
)


class ScriptDownload(Frozen):
    """A call that fetches something."""

    kind: str
    source: str
    revision: str
    text: Text

    @property
    def is_pinned(self) -> bool:
        """Whether a whole commit is named."""
        return _COMMIT.fullmatch(self.revision) is not None


class Script(Frozen):
    """One file of Python."""

    path: str
    source: Source
    imports: tuple[str, ...]
    downloads: tuple[ScriptDownload, ...]


class Imports(Record):
    """What the code of a context imports; the module says what stands where."""

    context: Context
    scripts: list[Script] = msgspec.field(default_factory=list)
    names: dict[str, str] = msgspec.field(default_factory=dict)
    is_complete: bool = True

    @property
    def downloads(self) -> list[ScriptDownload]:
        """Every call that fetches something."""
        return [download for script in self.scripts for download in script.downloads]

    def imports(self, name: str) -> bool:
        """Whether some script imports a top-level name."""
        return name in self.names

    def script(self, path: str) -> Script | None:
        """One script; None where there is none that can be read."""
        known = next((script for script in self.scripts if script.path == path), None)
        return known or read_script_file(self.context, path)


def read_imports(context: Context) -> Imports:
    """Read the code that is sent, nearest to the top first."""
    found = Imports(context, is_complete=context.is_complete)
    paths = [
        (entry.path.count("/"), entry.path, entry.size_bytes)
        for entry in context.entries
        if entry.kind is Kind.FILE and entry.path.endswith(".py") and not _PASSED_OVER.search(entry.path)
    ]
    left_bytes = _MOST_BYTES
    for _, path, size_bytes in sorted(paths)[:_MOST_FILES]:
        if size_bytes > min(left_bytes, _MOST_BYTES_OF_ONE):
            found.is_complete = False
            continue
        left_bytes -= size_bytes
        script = read_script_file(context, path)
        if script:
            found.scripts.append(script)
            for name in script.imports:
                found.names.setdefault(name, path)
    found.is_complete = found.is_complete and len(paths) <= _MOST_FILES
    return found


def read_script_file(context: Context, path: str) -> Script | None:
    """What one script imports and downloads; None where it cannot be read or is no Python."""
    source = context.read_small(path, _MOST_BYTES_OF_ONE)
    return read_script(path, source) if source else None


def read_script(path: str, source: Source) -> Script | None:
    """What a script imports and downloads; None where it is no Python."""
    tree = parse_code(source.data[:_MOST_BYTES_OF_ONE].decode("utf-8", "replace"))
    if tree is None:
        return None
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(dict.fromkeys(alias.name.partition(".")[0] for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module.partition(".")[0]] = None
    downloads = _downloads(source, tree) if _TELLING.search(source.data) else ()
    return Script(path, source, tuple(names), downloads)


def _downloads(source: Source, tree: ast.Module) -> tuple[ScriptDownload, ...]:
    found = []
    for call in code_calls(tree):
        for kind, what, revision in downloads_of((call,)):
            span = source.line_span(call.line)
            found.append(ScriptDownload(kind, what, revision, Text(source.text(span).strip(), source, span)))
    return tuple(found)
