"""Start a container with crun or runc, straight from the store: no daemon, no root needed."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from wherry.build.rootfs import unpacked
from wherry.build.run.container import container_of
from wherry.build.run.process import ask, last_words, run_process
from wherry.build.run.request import require_same_ports
from wherry.build.run.runtime import Unusable, refuse_setup
from wherry.build.run.spec import runtime_spec
from wherry.build.run.trace import tracing
from wherry.build.run.view import view_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.build.run.request import RunRequest
    from wherry.build.run.view import View
    from wherry.progress import Progress
    from wherry.store.store import Store

_GLOBAL_OPTIONS: Final = {"crun": ("--cgroup-manager=disabled",), "runc": ()}
_SETUP_TIMEOUT_S: Final = 60


class OciRuntime:
    """One of the two, by name."""

    def __init__(self, name: Literal["crun", "runc"]) -> None:
        self.name = name

    def complaint(self) -> str:
        """Why it is not there, or does not start."""
        if shutil.which(self.name) is None:
            return f"{self.name} is not installed"
        return ask([self.name, "--version"])[1]

    def run(self, store: Store, request: RunRequest, progress: Progress) -> int:
        """Unpack the image if need be, set everything up once to see that it can be done, then run."""
        require_same_ports(request.publish, self.name)
        with (
            unpacked(store, request.source, request.image, progress) as root,
            store.scratch("run") as scratch,
            view_of(store, root, scratch) as view,
        ):
            container = container_of(request, root, view)
            bundle = _Bundle(self.name, scratch, view)
            bundle.write(runtime_spec(container, view, terminal=False))
            bundle.try_out()
            bundle.write(runtime_spec(container, view, terminal=request.tty))
            with (
                bundle.identified() as identity,
                tracing(request.trace, container.argv, root, scratch) as tracer,
            ):
                return run_process(
                    [*tracer, *bundle.command("run"), "--bundle", str(scratch), identity],
                    tty=request.tty,
                    interactive=request.interactive,
                    directory=view.directory,
                    kill=lambda: bundle.delete(identity),
                )


@dataclass(frozen=True, slots=True)
class _Bundle:
    """A directory with the runtime's config.json, and the runtime's own state beside it."""

    runtime: str
    directory: Path
    view: View

    def write(self, spec: bytes) -> None:
        (self.directory / "config.json").write_bytes(spec)

    def command(self, verb: str, *, inside: bool = True) -> list[str]:
        """The runtime's command line up to *verb*; *inside* is where the view can be seen."""
        prefix = self.view.prefix if inside else ()
        options = _GLOBAL_OPTIONS[self.runtime]
        program = shutil.which(self.runtime) or self.runtime
        return [*prefix, program, *options, "--root", str(self.directory / "state"), verb]

    def try_out(self) -> None:
        """Create the container and remove it: everything is set up, nothing of the image is started.

        Raises:
            Unusable: The runtime cannot, here.
            InputError: The image has no such program.

        """
        with self.identified() as identity, (self.directory / "words").open("w+b") as words:
            try:
                # Into a file: the waiting container keeps what it inherits open, and a pipe would never end.
                done = subprocess.run(  # noqa: S603 - our own arguments
                    [*self.command("create"), "--bundle", str(self.directory), identity],
                    stdin=subprocess.DEVNULL,
                    stdout=words,
                    stderr=words,
                    timeout=_SETUP_TIMEOUT_S,
                    cwd=self.view.directory,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise Unusable(str(error)) from None
            if done.returncode == 0:
                return
            words.seek(0)
            said = last_words(words.read(1 << 16).decode(errors="replace").splitlines())
            refuse_setup(said or f"exit code {done.returncode}")

    @contextmanager
    def identified(self) -> Iterator[str]:
        """A fresh name for a container, which is gone after the block."""
        identity = f"wherry-{secrets.token_hex(6)}"
        try:
            yield identity
        finally:
            self.delete(identity)

    def delete(self, identity: str) -> None:
        """End and remove the container if it is there."""
        if (self.directory / "state" / identity).exists():
            ask([*self.command("delete", inside=False), "--force", identity])
