"""Start a container with podman. It is prepared first: podman often answers where it cannot run anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.build.run.docker import container_arguments, load_if_missing
from wherry.build.run.engine import Engine
from wherry.build.run.process import ask, run_process
from wherry.build.run.request import require_same_ports
from wherry.build.run.runtime import Unusable
from wherry.errors import WorldError

if TYPE_CHECKING:
    from wherry.build.run.engine import EngineName
    from wherry.build.run.request import RunRequest
    from wherry.progress import Progress
    from wherry.store.store import Store


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
        container, shared = self._prepared(request, image)
        if shared:
            progress.note("podman has no network of its own here: the container shares the machine's network")
        argv = [self.name, "start", "--attach", "--sig-proxy=true"]
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

    def _prepared(self, request: RunRequest, image: str) -> tuple[str, bool]:
        """A container that needs only to be started, and whether it shares the machine's network."""
        complaints = []
        for shared in (False, True):
            if shared:
                require_same_ports(request.publish, "podman")
            arguments = container_arguments(request, image, shared_network=shared)
            container, why = ask([self.name, "create", *arguments], timeout_s=120)
            if not why:
                container = container.split()[-1]
                # "init" does all that "start" does save starting: cgroups, mounts, network, the OCI runtime.
                _, why = ask([self.name, "init", container], timeout_s=120)
                if not why:
                    return container, shared
                self._remove(container)
            complaints.append(why)
        raise Unusable(complaints[-1])

    def _remove(self, container: str) -> None:
        ask([self.name, "rm", "--force", "--time=0", container], timeout_s=60)
