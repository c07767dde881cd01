"""What in a project's source can be started, found by reading syntax trees. Nothing is imported or run."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from wherry.project.syntax import (
    assignments,
    has_required_arguments,
    is_main_guard,
    name_of,
    own_expressions,
    statements,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from wherry.project.source import SourceFile

MAX_FILES: Final = 5000
MAX_FILE_BYTES: Final = 1024 * 1024
MAX_TOTAL_BYTES: Final = 64 * 1024 * 1024

Kind = Literal["package", "asgi", "wsgi", "sanic", "streamlit", "gradio", "main"]

# The class or function that makes an application, and the framework's name in messages.
_APPLICATIONS: Final[dict[str, tuple[Kind, str]]] = {
    "fastapi.FastAPI": ("asgi", "FastAPI"),
    "fastapi.applications.FastAPI": ("asgi", "FastAPI"),
    "starlette.applications.Starlette": ("asgi", "Starlette"),
    "litestar.Litestar": ("asgi", "Litestar"),
    "quart.Quart": ("asgi", "Quart"),
    "blacksheep.Application": ("asgi", "BlackSheep"),
    "falcon.asgi.App": ("asgi", "Falcon"),
    "socketio.ASGIApp": ("asgi", "Socket.IO"),
    "django.core.asgi.get_asgi_application": ("asgi", "Django"),
    "sanic.Sanic": ("sanic", "Sanic"),
    "flask.Flask": ("wsgi", "Flask"),
    "falcon.App": ("wsgi", "Falcon"),
    "bottle.Bottle": ("wsgi", "Bottle"),
    "bottle.default_app": ("wsgi", "Bottle"),
    "django.core.wsgi.get_wsgi_application": ("wsgi", "Django"),
}
_DASH: Final = "dash.Dash"  # its WSGI application is the attribute "server"

_WORTH_PARSING: Final = re.compile(
    rb"__main__|fastapi|starlette|litestar|quart|blacksheep|falcon|socketio|django|sanic|flask|bottle|dash"
    rb"|streamlit|gradio"
)
_IMPORTS: Final = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)
_NOT_PROGRAMS: Final = frozenset(
    {"setup.py", "manage.py", "noxfile.py", "fabfile.py", "tasks.py", "conftest.py"}
)
_NOT_PROGRAM_DIRECTORIES: Final = frozenset(
    {
        "tests",
        "test",
        "testing",
        "node_modules",
        "docs",
        "doc",
        "examples",
        "benchmarks",
        "bench",
        "migrations",
    }
)
_SIDE_DIRECTORIES: Final = frozenset({"scripts", "tools", "bin", "utils", "notebooks", "pages"})


@dataclass(frozen=True, slots=True)
class Program:
    """One thing that can be started."""

    kind: Kind
    relative: str  # the file
    line: int
    module: str  # dotted, as imported with `source_root` on sys.path; empty: its path is no module name
    source_root: str  # "." or "src"
    in_package: bool  # a wheel of the project would hold it
    framework: str = ""
    variable: str = ""  # of the application
    is_factory: bool = False
    imports: frozenset[str] = frozenset()  # modules its file imports, dotted


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading the source gave, and which files could not be read as Python."""

    programs: tuple[Program, ...]
    skipped: tuple[str, ...] = ()  # "broken.py:3: not valid Python"


def read_programs(files: Iterable[SourceFile], *, is_installed: bool) -> Reading:
    """Find what can be started among *files*.

    Args:
        files: The project's source.
        is_installed: Whether the project's wheel is installed: then packages below ``src`` have that root.

    """
    texts: dict[str, bytes] = {}
    skipped: list[str] = []
    for file in _python_files(files):
        try:
            texts[file.relative] = file.path.read_bytes()
        except OSError:
            skipped.append(f"{file.relative}: cannot be read")
    has_src_root = _has_src_root(texts, is_installed=is_installed)
    inits = [relative.split("/") for relative in texts if relative.endswith("/__init__.py")]
    packages = {parts[0] for parts in inits if len(parts) == 2}  # noqa: PLR2004 - package/__init__.py
    programs: list[Program] = []
    for relative, text in texts.items():
        if not _WORTH_PARSING.search(text) and not relative.endswith("__main__.py"):
            continue
        try:
            tree = _parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            skipped.append(f"{relative}{line}: not valid Python")
            continue
        programs += _File(relative, tree, packages, has_src_root=has_src_root).programs()
    return Reading(tuple(programs), tuple(skipped))


def _python_files(files: Iterable[SourceFile]) -> Iterator[SourceFile]:
    """The files worth a look: no tests, nothing hidden, not too many and not too large."""
    count = total = 0
    for file in files:
        *directories, name = file.relative.split("/")
        if not name.endswith(".py") or file.link or file.size_bytes > MAX_FILE_BYTES:
            continue
        if name in _NOT_PROGRAMS or name.startswith("test_") or name.endswith("_test.py"):
            continue
        if any(part in _NOT_PROGRAM_DIRECTORIES or part.startswith(".") for part in directories):
            continue
        count += 1
        total += file.size_bytes
        if count > MAX_FILES or total > MAX_TOTAL_BYTES:
            return
        yield file


def _has_src_root(texts: dict[str, bytes], *, is_installed: bool) -> bool:
    """Whether imports are written as if ``src`` were on sys.path, or as if the directory above it were."""
    below = [relative.split("/")[1:] for relative in texts if relative.startswith("src/")]
    if not below or ["__init__.py"] in below:
        return False
    imported = {name.decode() for text in texts.values() for name in _IMPORTS.findall(text)}
    if "src" in imported:
        return False
    has_package = any(parts[1:] == ["__init__.py"] for parts in below)
    return is_installed or has_package or bool(imported & {parts[0].removesuffix(".py") for parts in below})


def _parse(text: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another project's invalid escapes are not our user's concern here
        return ast.parse(text)


class _File:
    """One file's syntax tree, asked for what it starts."""

    def __init__(
        self, relative: str, tree: ast.Module, packages: Collection[str], *, has_src_root: bool
    ) -> None:
        self.relative = relative
        self.tree = tree
        in_src = has_src_root and relative.startswith("src/")
        self.source_root = "src" if in_src else "."
        self.in_package = in_src or relative.split("/", maxsplit=1)[0] in packages
        parts = PurePosixPath(relative).with_suffix("").parts[1 if in_src else 0 :]
        self.parts = parts[:-1] if parts[-1] in {"__init__", "__main__"} else parts
        self.module = ".".join(self.parts) if all(part.isidentifier() for part in self.parts) else ""
        self.aliases: dict[str, str] = {}
        self.imports: set[str] = set()
        self.read_imports()

    def programs(self) -> list[Program]:
        """Everything in this file that can be started."""
        if self.relative.endswith("/__main__.py") and self.module:
            return [self.program("package", 1)]
        found = self.applications() or self.factories()
        guard = next((node.lineno for node in self.tree.body if is_main_guard(node)), None)
        is_side = any(part in _SIDE_DIRECTORIES for part in self.relative.split("/")[:-1])
        if (line := self.streamlit_line(is_guarded=guard is not None)) and not is_side:
            return [*found, self.program("streamlit", line, "Streamlit")]
        if line := self.gradio_line():
            return [*found, self.program("gradio", line, "Gradio")]
        if guard and not is_side:
            found.append(self.program("main", guard))
        return found

    def program(
        self,
        kind: Kind,
        line: int,
        framework: str = "",
        variable: str = "",
        *,
        is_factory: bool = False,
    ) -> Program:
        """One program of this file."""
        return Program(
            kind,
            self.relative,
            line,
            self.module,
            self.source_root,
            self.in_package,
            framework,
            variable,
            is_factory,
            frozenset(self.imports),
        )

    def read_imports(self) -> None:
        """What each imported name stands for, and which modules are imported."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    self.imports.add(name.name)
                    self.aliases[name.asname or name.name.split(".")[0]] = (
                        name.name if name.asname else name.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                module = self.absolute(node)
                for name in node.names:
                    self.imports |= {module, f"{module}.{name.name}"}
                    self.aliases[name.asname or name.name] = f"{module}.{name.name}"

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module a ``from`` import names, its dots resolved."""
        if not node.level:
            return node.module or ""
        is_package = self.relative.endswith("/__init__.py")
        package = self.parts if is_package else self.parts[:-1]
        above = package[: len(package) - (node.level - 1)]
        return ".".join([*above, *([node.module] if node.module else [])])

    def resolved(self, node: ast.expr) -> str:
        """The dotted name an expression stands for, or nothing."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        name = self.aliases.get(name_of(node), "")
        return ".".join([name, *reversed(attributes)]) if name else ""

    def application_of(self, node: ast.expr | None) -> tuple[Kind, str] | None:
        """The kind and framework of an expression that makes an application."""
        return _APPLICATIONS.get(self.resolved(node.func)) if isinstance(node, ast.Call) else None

    def applications(self) -> list[Program]:
        """Module-level variables that hold an application; the last of a name counts."""
        found: dict[str, Program] = {}
        makers = {program.variable: program for program in self.factories()}
        dashes: set[str] = set()
        for variable, node in assignments(self.tree.body):
            made = self.application_of(node)
            maker = makers.get(name_of(node.func)) if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Call) and self.resolved(node.func) == _DASH:
                dashes.add(variable)
            elif made:
                found[variable] = self.program(made[0], node.lineno, made[1], variable)
            elif maker:
                found[variable] = self.program(maker.kind, node.lineno, maker.framework, variable)
            elif isinstance(node, ast.Attribute) and node.attr == "server" and name_of(node.value) in dashes:
                found[variable] = self.program("wsgi", node.lineno, "Dash", variable)
        return list(found.values())

    def factories(self) -> list[Program]:
        """Module-level functions without required arguments that return an application."""
        found: list[Program] = []
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef) and not has_required_arguments(node.args):
                made = self.returned_application(node)
                if made:
                    found.append(self.program(made[0], node.lineno, made[1], node.name, is_factory=True))
        return found

    def returned_application(self, function: ast.FunctionDef) -> tuple[Kind, str] | None:
        """What a function returns, by its annotation or by its own statements."""
        if function.returns is not None:
            annotated = _APPLICATIONS.get(self.resolved(function.returns))
            if annotated:
                return annotated
        made = {name: self.application_of(node) for name, node in assignments(function.body)}
        for node in statements(function.body):
            if isinstance(node, ast.Return):
                found = made.get(name_of(node.value)) or self.application_of(node.value)
                if found:
                    return found
        return None

    def streamlit_line(self, *, is_guarded: bool) -> int | None:
        """Where a Streamlit script draws: at module level, or in a function that module level calls."""
        if "streamlit" not in self.aliases.values():
            return None
        functions = {node.name for node in self.tree.body if isinstance(node, ast.FunctionDef)}
        draws = False
        for node in statements(self.tree.body):
            for call in (inner for inner in own_expressions(node) if isinstance(inner, ast.Call)):
                if self.resolved(call.func).startswith("streamlit."):
                    return call.lineno
                draws = draws or (isinstance(call.func, ast.Name) and call.func.id in functions)
        if not (draws or is_guarded):
            return None
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        lines = [node.lineno for node in calls if self.resolved(node.func).startswith("streamlit.")]
        return min(lines, default=None)

    def gradio_line(self) -> int | None:
        """Where a Gradio interface is launched."""
        if not any(name == "gradio" or name.startswith("gradio.") for name in self.aliases.values()):
            return None
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        return next(
            (
                node.lineno
                for node in calls
                if isinstance(node.func, ast.Attribute) and node.func.attr == "launch"
            ),
            None,
        )
