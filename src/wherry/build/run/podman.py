"""Start a container with podman. It is prepared first: podman often answers where it cannot run anything."""

from __future__ import annotations

import resource
import shutil
from typing import TYPE_CHECKING, Final

from wherry.build.run.docker import container_arguments, load_if_missing
from wherry.build.run.engine import Engine
from wherry.build.run.process import ask, run_process
from wherry.build.run.request import require_same_ports
from wherry.build.run.runtime import Unusable, refuse_setup
from wherry.errors import WorldError

if TYPE_CHECKING:
    from wherry.build.run.engine import EngineName
    from wherry.build.run.request import RunRequest
    from wherry.progress import Progress
    from wherry.store.store import Store

_SETUP_TIMEOUT_S: Final = 120
_MANY_PROCESSES: Final = 16_384


class Podman:
    """The podman command line."""

    name: EngineName = "podman"

    def complaint(self) -> str:
        """Why podman does not answer."""
        return Engine(self.name).complaint()

    def run(self, store: Store, request: RunRequest, progress: Progress) -> int:  # noqa: ARG002 - the protocol's
        """Load the image if need be, let podman set everything up, then start it in the foreground."""
        try:
            image = load_if_missing(Engine(self.name), request, progress)
        except WorldError as error:
            raise Unusable(error.what) from error
        runtime, container = self._prepared(request, image, progress)
        argv = [self.name, *runtime, "start", "--attach", "--sig-proxy=true"]
        if request.interactive or request.tty:
            argv.append("--interactive")
        try:
            return run_process(
                [*argv, container],
                tty=request.tty,
                interactive=request.interactive,
                kill=lambda: self._remove(container),
            )
        finally:
            self._remove(container)

    def _prepared(self, request: RunRequest, image: str, progress: Progress) -> tuple[list[str], str]:
        """A container that needs only to be started, and the options that podman needed before its verb.

        What podman asks of a machine by default is more than some give. Each of these is tried only after
        podman has complained of the lack.
        """
        limits: list[str] = []
        runtime: list[str] = []
        shared = False
        while True:
            arguments = container_arguments(request, image, shared_network=shared)
            container, why = self._set_up(runtime, [*limits, *arguments])
            if not why:
                return runtime, container
            if "executable file" in why:
                refuse_setup(why)
            if "RLIMIT" in why.upper() and not limits:
                # It raises limits of its own accord, which root without CAP_SYS_RESOURCE may not.
                limits = _own_limits()
            elif "crun" in why and not runtime and shutil.which("runc"):
                runtime = ["--runtime", shutil.which("runc") or "runc"]
            elif not shared:
                require_same_ports(request.publish, self.name)
                progress.note(f"podman has no network here ({why}): the container shares the machine's")
                shared = True
            else:
                refuse_setup(why)

    def _set_up(self, runtime: list[str], arguments: list[str]) -> tuple[str, str]:
        """A new container and an empty text, or why there is none."""
        found, why = ask([self.name, *runtime, "create", *arguments], timeout_s=_SETUP_TIMEOUT_S)
        if why:
            return "", why
        container = found.split()[-1]
        # "init" does all that "start" does save starting: cgroups, mounts, network, the OCI runtime.
        _, why = ask([self.name, *runtime, "init", container], timeout_s=_SETUP_TIMEOUT_S)
        if why:
            self._remove(container)
        return container, why

    def _remove(self, container: str) -> None:
        ask([self.name, "rm", "--force", "--volumes", "--time=0", container], timeout_s=60)


def _own_limits() -> list[str]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Podman lowers its own process limit, so ours may be above what it can give.
    own = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    processes = _MANY_PROCESSES if own == resource.RLIM_INFINITY else min(_MANY_PROCESSES, own)
    return [f"--ulimit=nofile={files[0]}:{files[1]}", f"--ulimit=nproc={processes}:{processes}"]
