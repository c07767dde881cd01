"""The image has a way in, or up, that a server does not need.

Why: an SSH server is a second door with its own keys; `sudo` without a password and world-writable
directories give root to whoever gets in; the Docker socket in a container is the whole host.

## Bad

```dockerfile
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends openssh-server && rm -rf /var/lib/apt/lists/*
EXPOSE 22
```

## Bad: everyone may write

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN chmod -R 777 /app
```

## Bad: root for the asking

```dockerfile
FROM python:3.12-slim
RUN useradd app && echo "app ALL=(ALL) NOPASSWD:ALL" >> /etc/sudoers
USER app
```

## Bad: the host's Docker

```dockerfile
FROM python:3.12-slim
CMD ["python", "serve.py"]
```

```yaml compose.yaml
services:
  api:
    build: .
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock
```

## Good

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY --chown=10001:10001 . .
RUN chmod -R a+rX /app
USER 10001
```

## Fix

None: take the SSH server out (`docker exec`, `kubectl exec`), give directories to the user that needs them,
and let a build service build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.purpose import is_for_people
from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.model import Finding, Place

_SERVERS: Final = frozenset(
    {"openssh-server", "openssh", "dropbear", "telnetd", "tigervnc-standalone-server"}
)
_OPEN_MODE: Final = regex(r"0?[0-7]?777|a\+(?:rwx|w)|ugo\+rwx|o\+w")
_STICKY: Final = regex(r"0?1777")
_SOCKET: Final = "docker.sock"


def _check(facts: Facts) -> Iterator[Finding]:
    for install in facts.target.all_installs:
        for package in install.packages if install.action == "install" else ():
            if package.name in _SERVERS:
                yield RULE.at(
                    facts.place(package.word.span),
                    f"{package.name} is installed in the image that ships",
                    why="it is a second way in, with keys and updates of its own",
                )
    for run in facts.target.all_runs:
        for call in run.calls:
            yield from _of_call(facts, call)
    for copy in facts.target.all_copies:
        if _OPEN_MODE.fullmatch(copy.chmod) and not _STICKY.fullmatch(copy.chmod):
            yield _writable(facts.place(copy.span), copy.destination)
    yield from _sockets(facts)


def _of_call(facts: Facts, call: Call) -> Iterator[Finding]:
    mode = next((text for text in call.texts if not text.startswith("-")), "")
    if call.program == "chmod" and _OPEN_MODE.fullmatch(mode) and not _STICKY.fullmatch(mode):
        targets = " ".join(text for text in call.texts if not text.startswith("-") and text != mode)
        if not targets.startswith("/tmp"):  # noqa: S108 - a path of the image
            yield _writable(facts.place(call.command.span), targets)
    if any("NOPASSWD" in text for text in call.texts) and not is_for_people(facts):
        yield RULE.at(
            facts.place(call.command.span),
            "sudo asks for no password",
            why="the user that USER names is root for the asking",
        )


def _writable(place: Place, targets: str) -> Finding:
    return RULE.at(
        place,
        f"everyone may write to {targets}",
        why="whoever gets into any process can change the code that the next one runs",
    )


def _sockets(facts: Facts) -> Iterator[Finding]:
    for service in facts.compose if facts.context is not None else ():
        for volume in service.volumes:
            if _SOCKET in volume.value.partition(":")[0]:
                yield RULE.at(
                    volume.place,
                    f"{service.name} gets the host's Docker socket",
                    why="whoever gets into the container owns the host",
                    severity=Severity.ERROR,
                )


RULE = Rule(
    "H7", "dangerous-tools", Severity.WARNING, _check, also=("DL3004", "DS-0004", "DS-0010", "DS-0013")
)
