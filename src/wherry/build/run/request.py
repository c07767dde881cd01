"""What a user asks of ``wherry run``, read and judged before anything is started."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.build.run.trace import Trace
    from wherry.oci.image import Image, ImageSource

_PORT: Final = re.compile(
    r"(?:(?P<ip>\[[0-9a-fA-F:]+\]|\d{1,3}(?:\.\d{1,3}){3}):)?"
    r"(?:(?P<host>\d{1,5}):)?(?P<port>\d{1,5})(?:/(?P<proto>tcp|udp))?"
)
_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of the container that the machine answers on."""

    host_port: int
    container_port: int
    host_ip: str = ""  # empty: every address
    protocol: Literal["tcp", "udp"] = "tcp"

    @classmethod
    def parse(cls, text: str) -> PublishedPort:
        """Read ``8080``, ``80:8080``, ``127.0.0.1:80:8080``, each with ``/udp`` if need be.

        Raises:
            InputError: It is none of these.

        """
        found = _PORT.fullmatch(text)
        mend = "write HOST_PORT:CONTAINER_PORT, like 8080:8000"
        if not found or (found["ip"] and not found["host"]):
            raise InputError(f"{text!r} is not a published port", mend=mend)
        port = int(found["port"])
        host = int(found["host"] or port)
        if not (0 < port <= _MAX_PORT and 0 < host <= _MAX_PORT):
            raise InputError(f"{text!r} has a port that does not exist", mend=mend)
        return cls(host, port, found["ip"] or "", "udp" if found["proto"] == "udp" else "tcp")

    def __str__(self) -> str:
        """As docker and podman take it."""
        ip = f"{self.host_ip}:" if self.host_ip else ""
        return f"{ip}{self.host_port}:{self.container_port}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or directory of the machine that the container sees."""

    source: Path  # absolute, exists
    target: str  # absolute path inside the container
    read_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Mount:
        """Read ``HOST:CONTAINER`` or ``HOST:CONTAINER:ro``. HOST may be relative to where the user is.

        Raises:
            InputError: It is neither, or HOST does not exist.

        """
        mend = "write HOST_PATH:CONTAINER_PATH, with :ro at the end to protect it"
        match text.split(":"):
            case [source, target]:
                mode = "rw"
            case [source, target, "ro" | "rw" as mode]:
                pass
            case _:
                raise InputError(f"{text!r} is not a mount", mend=mend)
        parts = target.split("/")
        if not source or not target.startswith("/") or ".." in parts or not any(parts) or "\0" in text:
            raise InputError(f"{text!r} is not a mount", mend=mend)
        path = Path(source).expanduser().absolute()
        if not path.exists():
            raise InputError(f"nothing to mount: {source} does not exist", where=str(path), mend=mend)
        return cls(path.resolve(), "/" + "/".join(filter(None, parts)), mode == "ro")

    def __str__(self) -> str:
        """As docker and podman take it."""
        return f"{self.source}:{self.target}" + (":ro" if self.read_only else "")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One container to start."""

    source: ImageSource
    image: Image
    argv: tuple[str, ...] | None  # replaces the image's whole command; None keeps it
    publish: tuple[PublishedPort, ...] = ()
    mounts: tuple[Mount, ...] = ()
    env: tuple[str, ...] = ()  # "NAME=VALUE", over the image's own
    read_only: bool = False
    tty: bool = False
    interactive: bool = False  # pass our standard input on
    trace: Trace | None = None  # say which files are opened

    @property
    def command(self) -> tuple[str, ...]:
        """What is started: the image's entry point with its arguments, or what replaces both.

        Raises:
            InputError: The image names nothing and the user did not either.

        """
        if self.argv:
            return self.argv
        config = self.image.config.config
        found = (*(config.entrypoint or ()), *(config.cmd or ())) if config else ()
        if not found:
            raise InputError("the image names no command", mend="give one: wherry run NAME -- COMMAND")
        return found


def read_environment(entries: Sequence[str]) -> tuple[str, ...]:
    """Read ``NAME=VALUE``, or ``NAME`` for the value it has here.

    Raises:
        InputError: An entry has no name.

    """
    found: list[str] = []
    for entry in entries:
        name, equals, _ = entry.partition("=")
        if not name or "\0" in entry:
            raise InputError(f"{entry!r} is not a variable", mend="write NAME=VALUE")
        if equals:
            found.append(entry)
        elif (value := os.environ.get(name)) is not None:
            found.append(f"{name}={value}")
    return tuple(found)


def require_same_ports(publish: Sequence[PublishedPort], runtime: str) -> None:
    """Refuse what cannot be had where container and machine share one network.

    Raises:
        InputError: A port would have to become another.

    """
    for port in publish:
        if port.host_port != port.container_port:
            raise InputError(
                f"{runtime} shares the machine's network here, so port {port.container_port} cannot become"
                f" {port.host_port}",
                where=f"-p {port.host_port}:{port.container_port}",
                mend=f"publish it as {port.container_port}, or let the service listen on {port.host_port}",
            )
