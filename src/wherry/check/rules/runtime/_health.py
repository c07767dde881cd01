"""Where the server of an image says that it is well: its port, its path, and a Python to ask with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call

_PORT_OPTIONS: Final = frozenset({"--port", "--server.port", "--http-port"})
_BIND_OPTIONS: Final = frozenset({"-b", "--bind"})
_OTHERWISE: Final = ("--ssl", "--certfile", "--uds", "--config", "-c", "--root-path")
_BIND: Final = regex(r"[\w.\[\]:*-]*:(\d{1,5})")
_ROUTE: Final = regex(
    rb"""@(?:app|api|application|server)\.(?:get|route)\(\s*["'](/(?:v\d/)?(?:health|ready|live|ping)\w*/?)["']"""
)
_PLAIN: Final = regex(r"/[\w./-]*")
_PROBES: Final = ("readiness", "startup", "liveness")
_WITH_PYTHON: Final = frozenset({"python", "pytorch", "conda"})


class _Server(Frozen):
    """A server as its documentation has it."""

    port: int
    path: str = ""  # empty where the application says which


_SERVERS: Final = {
    "vllm": _Server(8000, "/health"),
    "vllm.entrypoints.openai.api_server": _Server(8000, "/health"),
    "tritonserver": _Server(8000, "/v2/health/ready"),
    "bentoml": _Server(3000, "/readyz"),
    "streamlit": _Server(8501, "/_stcore/health"),
    "mlflow": _Server(5000, "/health"),
    "uvicorn": _Server(8000),
    "gunicorn": _Server(8000),
    "hypercorn": _Server(8000),
    "fastapi": _Server(8000),
}


class Health(Frozen):
    """What to ask, and with which interpreter."""

    python: str
    port: int
    path: str

    @property
    def instruction(self) -> str:
        """The HEALTHCHECK, a line."""
        code = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{self.port}{self.path}')"
        return f'HEALTHCHECK --start-period=10m CMD ["{self.python}", "-c", "{code}"]\n'


def health_of(facts: Facts) -> Health | None:
    """What tells that the server is up; None where that is not known for certain."""
    calls = facts.target.ending.calls
    known = [(call, server) for call in calls if (server := _server(call))]
    if len(known) != 1 or calls[-1] is not known[0][0]:
        return None
    call, server = known[0]
    port = _port(call) or (server.port if _exposed(facts) in {0, server.port} else 0)
    path = server.path or _probed(facts) or _routed(facts)
    python = _python(facts, call)
    return Health(python, port, path) if port and path and python and _says_port_once(call) else None


def _server(call: Call) -> _Server | None:
    words = call.texts
    is_module = call.program.startswith("python") and words[:1] == ("-m",) and len(words) > 1
    return _SERVERS.get(words[1] if is_module else call.program)


def _port(call: Call) -> int:
    """The port on the command line; 0 where none is, or none that is known."""
    for option, value in _options(call):
        found = _BIND.fullmatch(value) if option in _BIND_OPTIONS else None
        if found or value.isdecimal():
            return int(found[1] if found else value)
    return 0


def _options(call: Call) -> list[tuple[str, str]]:
    """The options that say where it listens, each with its value."""
    found = []
    for at, word in enumerate(call.texts):
        name, equals, value = word.partition("=")
        if name in _PORT_OPTIONS | _BIND_OPTIONS:
            found.append((name, value if equals else call.texts[at + 1] if at + 1 < len(call.texts) else ""))
    return found


def _says_port_once(call: Call) -> bool:
    """It listens at one port, and that is a number; not at a socket, nor where a variable says."""
    options = _options(call)
    is_secure = any(
        word.startswith(("--ssl", "--certfile", "--uds", "--config", "-c")) for word in call.texts
    )
    return len(options) <= 1 and bool(_port(call)) == bool(options) and not is_secure


def _exposed(facts: Facts) -> int:
    """The one port of EXPOSE; 0 where there is none."""
    ports = [port for port in facts.target.ending.exposed if port.protocol == "tcp"]
    return ports[0].first if len(ports) == 1 and ports[0].first == ports[0].last else 0


def _probed(facts: Facts) -> str:
    """The path that Kubernetes asks."""
    for kind in _PROBES:
        paths = {
            probe.path for one in facts.running if (probe := one.container.probes.get(kind)) and probe.path
        }
        if len(paths) == 1 and _PLAIN.fullmatch(path := paths.pop()):
            return path
    return ""


def _routed(facts: Facts) -> str:
    """The route of the application whose name says so."""
    imports = facts.project.imports
    found = {
        match[1]
        for script in (imports.scripts if imports else ())
        for match in _ROUTE.finditer(script.source.data)
    }
    return found.pop().decode() if len(found) == 1 else ""


def _python(facts: Facts, call: Call) -> str:
    """An interpreter that is there; empty where none is known."""
    if call.program.startswith("python"):
        return call.command.name
    return "python" if facts.target.base.family in _WITH_PYTHON else ""
