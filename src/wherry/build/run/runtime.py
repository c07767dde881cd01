"""What every way of starting a container has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

from wherry.errors import InputError

if TYPE_CHECKING:
    from wherry.build.run.request import RunRequest
    from wherry.progress import Progress
    from wherry.store.store import Store


class Unusable(Exception):  # noqa: N818 - it says that a runtime is, not that a run failed
    """The runtime turned out not to work here, before anything of the image was started."""


def refuse_setup(why: str) -> NoReturn:
    """Raise what a failed setup means: the image has no such program, or the runtime does not work here.

    Raises:
        InputError: The program is missing. crun, runc and what stands on them say so in the same words.
        Unusable: Anything else.

    """
    if "executable file" in why:
        raise InputError(f"the command cannot be started: {why}", mend="check the command's name")
    raise Unusable(why)


class Runtime(Protocol):
    """One way of starting a container."""

    @property
    def name(self) -> str:
        """The program's name: ``docker``, ``crun``."""
        ...

    def complaint(self) -> str:
        """Why it does not work here, as far as a quick look can tell; empty when it seems to."""
        ...

    def run(self, store: Store, request: RunRequest, progress: Progress) -> int:
        """Run the container to its end and return its exit code; 128 + n when signal n ended it.

        Raises:
            Unusable: It does not work here after all, and nothing was started.
            InputError: It cannot do what is asked.
            WorldError: It failed.

        """
        ...
