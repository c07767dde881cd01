"""How an application is served in a container: on all interfaces, a known port, by a locked server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from wherry.project.programs import Program

_ALL: Final = "0.0.0.0"  # noqa: S104 - every address of a container: what is published of it is the user's choice
_WEB_PORT: Final = 8000
_STREAMLIT_PORT: Final = 8501
_GRADIO_PORT: Final = 7860


class Served(NamedTuple):
    """The command that serves an application."""

    argv: tuple[str, ...]
    port: int
    env: dict[str, str]
    server: str  # the distribution that serves; empty: the framework does it itself


def serve(program: Program, available: Collection[str], port: int) -> Served | None:
    """Serve *program* with what is locked.

    Args:
        program: The application.
        available: Normalized names of the locked distributions.
        port: Where to listen; 0: the framework's usual port.

    Returns:
        None where the program is no application, or no server for it is locked.

    """
    if program.kind == "streamlit":
        return _streamlit(program, port or _STREAMLIT_PORT) if "streamlit" in available else None
    if program.kind == "gradio":
        return _gradio(program, port or _GRADIO_PORT) if "gradio" in available else None
    servers = {"asgi": _ASGI, "wsgi": _WSGI, "sanic": _SANIC}.get(program.kind, {})
    for server, command in servers.items():
        if server in available and program.module:
            argv = command(program, port or _WEB_PORT)
            if argv:
                return Served(argv, port or _WEB_PORT, {}, server)
    return None


def _streamlit(program: Program, port: int) -> Served:
    options = (f"--server.address={_ALL}", f"--server.port={port}", "--server.headless=true")
    return Served(("streamlit", "run", program.relative, *options), port, {}, "")


def _gradio(program: Program, port: int) -> Served:
    is_nested = program.module and "/" in program.relative
    argv = ("python", "-m", program.module) if is_nested else ("python", program.relative)
    return Served(argv, port, {"GRADIO_SERVER_NAME": _ALL, "GRADIO_SERVER_PORT": str(port)}, "")


def _target(program: Program) -> str:
    return f"{program.module}:{program.variable}"


def _called_target(program: Program) -> str:
    """Servers that take an expression call the factory themselves."""
    return f"{_target(program)}()" if program.is_factory else _target(program)


def _uvicorn(program: Program, port: int) -> tuple[str, ...]:
    factory = ("--factory",) if program.is_factory else ()
    return ("uvicorn", _target(program), *factory, "--host", _ALL, "--port", str(port))


def _hypercorn(program: Program, port: int) -> tuple[str, ...]:
    return ("hypercorn", _called_target(program), "--bind", f"{_ALL}:{port}")


def _granian(program: Program, port: int) -> tuple[str, ...]:
    factory = ("--factory",) if program.is_factory else ()
    interface = ("--interface", program.kind)
    return ("granian", *interface, *factory, "--host", _ALL, "--port", str(port), _target(program))


def _daphne(program: Program, port: int) -> tuple[str, ...]:
    return () if program.is_factory else ("daphne", "-b", _ALL, "-p", str(port), _target(program))


def _gunicorn(program: Program, port: int) -> tuple[str, ...]:
    return ("gunicorn", _called_target(program), "--bind", f"{_ALL}:{port}")


def _waitress(program: Program, port: int) -> tuple[str, ...]:
    factory = ("--call",) if program.is_factory else ()
    return ("waitress-serve", f"--host={_ALL}", f"--port={port}", *factory, _target(program))


def _sanic(program: Program, port: int) -> tuple[str, ...]:
    factory = ("--factory",) if program.is_factory else ()
    return ("sanic", _target(program), *factory, "--host", _ALL, "--port", str(port))


_ASGI: Final[dict[str, Callable[[Program, int], tuple[str, ...]]]] = {
    "uvicorn": _uvicorn,  # FastAPI's and Litestar's own commands start it too
    "hypercorn": _hypercorn,
    "granian": _granian,
    "daphne": _daphne,
}
_WSGI: Final[dict[str, Callable[[Program, int], tuple[str, ...]]]] = {
    "gunicorn": _gunicorn,
    "waitress": _waitress,
    "granian": _granian,
}
_SANIC: Final[dict[str, Callable[[Program, int], tuple[str, ...]]]] = {"sanic": _sanic}
