"""Start a container with docker: the image is loaded only if the daemon does not have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.build.run.engine import Engine
from wherry.build.run.process import ask, run_process
from wherry.build.run.request import require_same_ports

if TYPE_CHECKING:
    from wherry.build.run.engine import EngineName
    from wherry.build.run.request import RunRequest
    from wherry.oci.image import Image
    from wherry.progress import Progress
    from wherry.store.store import Store

_SHARED: Final = "--network=host"


class Docker:
    """The Docker command line and whichever daemon it talks to."""

    name: EngineName = "docker"

    def complaint(self) -> str:
        """Why the daemon does not answer."""
        return Engine(self.name).complaint()

    def run(self, store: Store, request: RunRequest, progress: Progress) -> int:  # noqa: ARG002 - the protocol's
        """Load the image if need be and run it in the foreground."""
        shared = not self._has_bridge()
        if shared:
            require_same_ports(request.publish, "docker")
            progress.note("docker has no bridge network here: the container shares the machine's network")
        image = load_if_missing(Engine(self.name), request, progress)
        argv = container_arguments(request, image, shared_network=shared)
        return run_process([self.name, "run", *argv], tty=request.tty, interactive=request.interactive)

    def _has_bridge(self) -> bool:
        """A daemon may run with ``--bridge=none``; containers then have no network unless they share ours."""
        found, _ = ask([self.name, "network", "ls", "--format", "{{.Name}}"])
        return "bridge" in found.split()


def load_if_missing(engine: Engine, request: RunRequest, progress: Progress) -> str:
    """Make sure that *engine* has exactly the request's image, and say what to call it there."""
    if found := engine.find(request.image):
        return found
    # A name of its own: it never takes a name from an image of the user's, and is not pruned as nameless.
    name = run_name(request.image)
    engine.load(request.source, request.image, [name], progress)
    return engine.find(request.image) or name


def run_name(image: Image) -> str:
    """The name under which an image is loaded to be run: different images never share it."""
    return f"wherry-run:{image.image_id.hex[:32]}"


def container_arguments(request: RunRequest, image: str, *, shared_network: bool) -> list[str]:
    """What follows ``docker run`` or ``podman create``."""
    arguments = ["--rm"]
    if request.interactive or request.tty:
        arguments.append("--interactive")
    if request.tty:
        arguments.append("--tty")
    if shared_network:
        arguments.append(_SHARED)
    else:
        arguments += [f"--publish={port}" for port in request.publish]
    arguments += [f"--volume={mount}" for mount in request.mounts]
    arguments += [f"--env={entry}" for entry in request.env]
    if request.read_only:
        arguments += ["--read-only", "--tmpfs=/tmp:mode=1777"]
        arguments += _writable_home(request)
    if request.argv:
        # It replaces the entry command whole, so the entry point too.
        return [*arguments, f"--entrypoint={request.argv[0]}", image, *request.argv[1:]]
    return [*arguments, image]


def _writable_home(request: RunRequest) -> list[str]:
    """A volume without a name has what the image has there, and its owner; --rm removes it."""
    config = request.image.config.config
    home = config.environment.get("HOME", "") if config else ""
    return [f"--volume={home}"] if home.startswith("/") and home.strip("/") and ":" not in home else []
