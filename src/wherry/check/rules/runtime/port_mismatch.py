"""The port that the server listens on is not the port that is asked.

Why: the container is up and answers nobody. A server on 127.0.0.1 is reached from inside the container alone;
a probe on another port restarts it for ever.

## Bad

```dockerfile
FROM python:3.12-slim
EXPOSE 8080
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

## Bad: only from inside

```dockerfile
FROM python:3.12-slim
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "127.0.0.1", "--port", "8000"]
```

## Bad: compose publishes another

```dockerfile
FROM python:3.12-slim
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "app:app"]
```

```yaml compose.yaml
services:
  api:
    build: .
    ports:
      - "80:5000"
```

## Good

```dockerfile
FROM python:3.12-slim
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

```yaml compose.yaml
services:
  api:
    build: .
    ports:
      - "80:8000"
```

## Fix

Safe, where the one EXPOSE of one port names another than the server's: it is documentation, and is put right.
None for the others: only the author knows which port was meant.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call, Value
    from wherry.check.facts.endings import Port
    from wherry.check.model import Finding

_SERVERS: Final = frozenset(
    {"uvicorn", "gunicorn", "hypercorn", "flask", "fastapi", "streamlit", "vllm", "mlflow", "waitress-serve"}
)
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_HOSTS: Final = frozenset({"--host", "-h", "--server.address"})
_PORTS: Final = frozenset({"--port", "-p", "--server.port"})
_BIND: Final = regex(r"(?P<host>[\w.:\[\]*-]*):(?P<port>\d{1,5})")
_TARGET: Final = regex(r"(?:.*:)?(?P<port>\d{1,5})(?:/tcp)?")


def _check(facts: Facts) -> Iterator[Finding]:
    server = next((call for call in facts.target.ending.calls if call.program in _SERVERS), None)
    if server is None:
        return
    host, port = _address(server)
    if host is not None and host.text.partition(":")[0] in _LOCAL:
        yield RULE.at(
            facts.place(host.span),
            f"{server.program} listens on {host.text}: nothing outside the container reaches it",
            why="a published port, a service and a probe all come from outside",
        )
    if port is not None:
        yield from _exposed(facts, server, int(port))
        yield from _published(facts, server, int(port))


def _address(call: Call) -> tuple[Value | None, str | None]:
    """The value that says where it listens, and the port's digits."""
    host: Value | None = None
    port: str | None = None
    values = call.arguments
    for value, following in zip_longest(values, values[1:]):
        name, equals, text = value.text.partition("=")
        given = text if equals else (following.text if following else "")
        if name in _HOSTS:
            host = value if equals else following
        elif name in _PORTS and given.isdecimal():
            port = given
        elif name in {"--bind", "-b", "--listen"} and (found := _BIND.fullmatch(given)):
            host, port = (value if equals else following), found["port"]
    return host, port


def _exposed(facts: Facts, server: Call, number: int) -> Iterator[Finding]:
    ports = facts.target.ending.exposed
    if ports and not any(port.first <= number <= port.last for port in ports):
        yield RULE.at(
            facts.place(ports[-1].span),
            f"EXPOSE names another port than the {number} that {server.program} listens on",
            why="docker run -P and those who read the file take the wrong one",
            related=[facts.place(server.command.span)],
            fix=_fix(facts, ports, number),
        )


def _published(facts: Facts, server: Call, number: int) -> Iterator[Finding]:
    for service in facts.compose if facts.context is not None else ():
        targets = [(port, _TARGET.fullmatch(port.value)) for port in service.ports]
        if service.command or service.entrypoint or not targets:
            continue
        if all(found is not None and int(found["port"]) != number for _, found in targets):
            yield RULE.at(
                targets[0][0].place,
                f"{service.name} publishes another port than the {number} that {server.program} listens on",
                why="the connection is refused",
                related=[facts.place(server.command.span)],
            )


def _fix(facts: Facts, ports: tuple[Port, ...], number: int) -> Fix | None:
    if _is_run_otherwise(facts):
        return None
    if len(ports) != 1 or facts.text(ports[0].span) != str(ports[0].first):
        return None
    return Fix(
        f"expose {number}",
        (Edit(facts.file.name, ports[0].span, str(number)),),
        Safety.SAFE,
        Effect(frozenset({ports[0].instruction.index}), aspects=frozenset({Aspect.ENTRY})),
    )


def _is_run_otherwise(facts: Facts) -> bool:
    """Somebody starts the image with words of his own, and the port may be the one of these."""
    services = facts.compose
    containers = [one.container for one in facts.running]
    return any(one.command or one.entrypoint for one in services) or any(
        one.command or one.args for one in containers
    )


RULE = Rule("H5", "port-mismatch", Severity.WARNING, _check)
