"""Start a container with bubblewrap: the least that isolates, and it needs nothing but user namespaces.

Started by root, the program inside is the machine's root without any of its powers, and looks like the
image's user.
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.build.rootfs import unpacked
from wherry.build.run.container import container_of, require_program
from wherry.build.run.process import ask, run_process
from wherry.build.run.request import require_same_ports
from wherry.build.run.trace import tracing
from wherry.build.run.view import view_of
from wherry.frozen import ready

if TYPE_CHECKING:
    from wherry.build.run.container import Container
    from wherry.build.run.request import RunRequest
    from wherry.progress import Progress
    from wherry.store.store import Store

_PROGRAM: Final = "bwrap"
_NAMESPACES: Final = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--die-with-parent")


class _Info(msgspec.Struct, rename="kebab"):
    """What ``--info-fd`` tells."""

    child_pid: int


class Bubblewrap:
    """Bubblewrap, by the name that Debian and people know it by; its program is ``bwrap``."""

    name = "bubblewrap"

    def complaint(self) -> str:
        """Why it cannot make a sandbox: it is asked for one of the machine's own root."""
        if shutil.which(_PROGRAM) is None:
            return f"{self.name} is not installed"
        return ask(
            [_PROGRAM, *_NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/sh", "-c", ":"]
        )[1]

    def run(self, store: Store, request: RunRequest, progress: Progress) -> int:
        """Unpack the image if need be and run it."""
        require_same_ports(request.publish, self.name)
        with (
            unpacked(store, request.source, request.image, progress) as root,
            store.scratch("run") as scratch,
            view_of(store, root, scratch) as view,
            tracing(request.trace, request.command, root, scratch) as tracer,
        ):
            container = container_of(request, root, view)
            require_program(container, root)
            arguments = sandbox_arguments(container, own_home=os.geteuid() == 0)
            program = shutil.which(_PROGRAM) or _PROGRAM
            reader, writer = os.pipe()
            inside = _Inside(reader)
            try:
                return run_process(
                    [*tracer, *view.prefix, program, "--info-fd", str(writer), *arguments],
                    tty=request.tty,
                    interactive=request.interactive,
                    directory=view.directory,
                    pass_fds=(writer,),
                    started=lambda _pid: os.close(writer),
                    send=inside.send,
                    kill=inside.kill,
                )
            finally:
                os.close(reader)


def sandbox_arguments(container: Container, *, own_home: bool) -> list[str]:
    """The arguments that make *container*.

    Args:
        container: What to make.
        own_home: Give it a fresh home and ``/tmp``: only one id is mapped, so those of the image's user
            would belong to nobody.

    """
    user = container.account
    arguments = [*_NAMESPACES, "--uid", str(user.uid), "--gid", str(user.gid), "--clearenv"]
    if not container.tty:
        arguments.append("--new-session")  # else it could type into our terminal (CVE-2017-5226)
    arguments += ["--bind", str(container.root), "/", "--proc", "/proc", "--dev", "/dev"]
    arguments += ["--ro-bind", "/sys", "/sys"]
    tmpfs = list(container.tmpfs)
    home = dict(entry.partition("=")[::2] for entry in container.env)["HOME"]
    if own_home:
        tmpfs += [place for place in ("/tmp", home) if place.strip("/")]  # noqa: S108 - inside the container
    for place in dict.fromkeys(tmpfs):
        arguments += ["--perms", "1777", "--tmpfs", place]
    for source, target, read_only in container.binds:
        arguments += ["--ro-bind" if read_only else "--bind", str(source), target]
    if container.read_only:
        arguments += ["--remount-ro", "/"]
    for entry in container.env:
        name, _, value = entry.partition("=")
        arguments += ["--setenv", name, value]
    return [*arguments, "--cap-drop", "ALL", "--chdir", container.directory, "--", *container.argv]


class _Inside:
    """Reaches the program inside. bwrap itself passes no signal on."""

    def __init__(self, info: int) -> None:
        self._info = info
        self._init = 0  # bwrap's own process 1 of the sandbox

    def send(self, outer: int, number: int) -> None:
        """Send signal *number* to the program, or to bwrap while there is none yet."""
        os.kill(self._program() or outer, number)

    def kill(self) -> None:
        """End the sandbox: with its process 1 all of it goes."""
        if self._program():
            os.kill(self._init, signal.SIGKILL)

    def _program(self) -> int:
        if not self._init:
            with suppress(ValueError, OSError):
                self._init = msgspec.json.decode(os.read(self._info, 4096), type=ready(_Info)).child_pid
        if not self._init:
            return 0
        with suppress(OSError, ValueError):
            children = Path(f"/proc/{self._init}/task/{self._init}/children").read_text("ascii").split()
            if children:
                return int(children[0])
        return 0
