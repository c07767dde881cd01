"""Choose the runtime that works here, and run the image with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.build.run.bubblewrap import Bubblewrap
from wherry.build.run.docker import Docker
from wherry.build.run.oci_runtime import OciRuntime
from wherry.build.run.podman import Podman
from wherry.build.run.process import input_is_given, terminal_is_ours
from wherry.build.run.request import RunRequest, read_environment
from wherry.build.run.runtime import Unusable
from wherry.build.whole_image import WholeImage
from wherry.errors import InputError, WorldError
from wherry.oci.image import StoreSource, read_image
from wherry.oci.platform import Platform
from wherry.oci.sources import open_image
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from wherry.build.run.request import Mount, PublishedPort
    from wherry.build.run.runtime import Runtime
    from wherry.build.run.trace import Trace
    from wherry.progress import Progress
    from wherry.store.store import Store

_RUNTIMES: Final[tuple[Runtime, ...]] = (
    Docker(),
    Podman(),
    OciRuntime("crun"),
    OciRuntime("runc"),
    Bubblewrap(),
)
RUNTIMES: Final = tuple(runtime.name for runtime in _RUNTIMES)
"""Their names, in the order in which they are tried."""

TRACED: Final = ("crun", "runc", "bubblewrap")
"""Those that start the container as a child of ours; the others' daemons and monitors do."""


def run_image(  # noqa: PLR0913 - one argument for each option of the command
    store: Store,
    image: str,
    command: Sequence[str] = (),
    *,
    publish: Sequence[PublishedPort] = (),
    mounts: Sequence[Mount] = (),
    env: Sequence[str] = (),
    runtime: str | None = None,
    read_only: bool = False,
    tty: bool | None = None,
    trace: Trace | None = None,
    plain_http: Collection[str] = (),
    progress: Progress | None = None,
) -> int:
    """Run *image* in the foreground, signals passed on, and return its exit code.

    Args:
        store: Where unpacked images are kept.
        image: A tag in the store, a layout or an archive.
        command: Replaces the image's whole entry command; empty keeps it.
        publish: Ports that the machine answers on.
        mounts: Files and directories of the machine.
        env: ``NAME=VALUE``, or ``NAME`` for its value here, over the image's own.
        runtime: One of `RUNTIMES`; ``None`` is the first that works.
        read_only: Nothing but ``/tmp``, home and mounts can be written.
        tty: Give it the terminal; ``None`` does so when there is one and a command was given.
        trace: Write down which files are opened; what it stops has ended well.
        plain_http: The registries that missing layers are fetched from without TLS.
        progress: Where to say what is tried and done.

    Returns:
        The exit code of the container, 128 + n when signal n ended it.

    Raises:
        InputError: There is no such image, or it cannot be run as asked.
        WorldError: No runtime works here.

    """
    candidates = [r for r in _RUNTIMES if runtime in {None, r.name}]
    if not candidates:
        raise InputError(f"{runtime!r} is not a runtime", mend=f"use one of {', '.join(RUNTIMES)}")
    if trace is not None:
        candidates = [r for r in candidates if r.name in TRACED]
        if not candidates:
            raise InputError(
                f"what {runtime} starts cannot be traced", mend=f"use one of {', '.join(TRACED)}"
            )
        trace.require()
    source, root = open_image(image, store)
    progress = progress or SilentProgress()
    found = read_image(source, root, Platform.of_host())
    with_terminal = (bool(command) and terminal_is_ours()) if tty is None else tty
    if isinstance(source, StoreSource):
        source = WholeImage(store, found, progress, plain_http)
    request = RunRequest(
        source=source,
        image=found,
        argv=tuple(command) or None,
        publish=tuple(publish),
        mounts=tuple(mounts),
        env=read_environment(env),
        read_only=read_only,
        tty=with_terminal,
        interactive=with_terminal or input_is_given(),
        trace=trace,
    )
    _ = request.command  # complain before anything is loaded or unpacked
    code = _first_that_works(store, request, candidates, progress)
    return 0 if trace is not None and trace.was_stopped else code


def _first_that_works(
    store: Store, request: RunRequest, candidates: Sequence[Runtime], progress: Progress
) -> int:
    complaints: list[str] = []
    for runtime in candidates:
        why = runtime.complaint()
        if not why:
            try:
                return runtime.run(store, request, progress)
            except Unusable as error:
                why = str(error)
                progress.note(f"{runtime.name} cannot run it here ({why}); trying the next runtime")
        complaints.append(f"{runtime.name}: {why}")
    raise WorldError(
        "no container runtime works here"
        if len(candidates) > 1
        else f"{candidates[0].name} does not work here",
        where="; ".join(complaints),
        mend="install one: apt-get install crun, or bubblewrap, or start the Docker daemon",
    )
