"""What every way of starting a container has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wherry.build.run.request import RunRequest
    from wherry.progress import Progress
    from wherry.store.store import Store


class Unusable(Exception):  # noqa: N818 - it says that a runtime is, not that a run failed
    """The runtime turned out not to work here, before anything of the image was started."""


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
