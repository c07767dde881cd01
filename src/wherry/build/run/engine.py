"""The command lines of docker and podman, as far as they are the same: is it there, does it have, load."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from wherry.build.run.process import ask, last_words
from wherry.errors import WorldError
from wherry.oci.archive import write_docker_archive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.oci.image import Image, ImageSource
    from wherry.progress import Progress

EngineName = Literal["docker", "podman"]
ENGINES: Final[tuple[EngineName, ...]] = ("docker", "podman")

_QUESTION: Final[dict[EngineName, tuple[str, ...]]] = {
    "docker": ("version", "--format", "{{.Server.Version}}"),
    "podman": ("info", "--format", "{{.Store.GraphDriverName}}"),
}
_MEND: Final[dict[EngineName, str]] = {
    "docker": "start the Docker daemon, or set DOCKER_HOST to one that runs",
    "podman": "see what podman info says",
}


@dataclass(frozen=True, slots=True)
class Engine:
    """Docker or podman on this machine. Its own settings (DOCKER_HOST, contexts) decide which one it is."""

    name: EngineName

    def complaint(self) -> str:
        """Why it does not work here; empty when it does."""
        if shutil.which(self.name) is None:
            return f"{self.name} is not installed"
        return ask([self.name, *_QUESTION[self.name]])[1]

    def require(self) -> None:
        """Make sure that it works.

        Raises:
            WorldError: It does not.

        """
        if why := self.complaint():
            raise WorldError(f"{self.name} does not work here: {why}", mend=_MEND[self.name])

    def find(self, image: Image) -> str:
        """The id under which it has exactly this image; empty when it has not.

        Its image id is the digest of the config, or of the manifest where it keeps images in containerd.
        """
        for digest in (image.image_id, image.descriptor.digest):
            found, _ = ask([self.name, "image", "inspect", "--format", "{{.Id}}", digest])
            if found.removeprefix("sha256:") == digest.hex:
                return digest
        return ""

    def load(
        self, source: ImageSource, image: Image, names: Sequence[str], progress: Progress | None = None
    ) -> int:
        """Give it the image, down a pipe: nothing is written to disk on our side.

        Returns:
            How many bytes went down the pipe.

        Raises:
            WorldError: It does not take it.

        """
        # A file takes its words: a second pipe that nobody reads would block it when full.
        with tempfile.TemporaryFile() as words:
            try:
                process = subprocess.Popen(  # noqa: S603 - our own arguments
                    [self.name, "load"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                )
            except OSError as error:
                raise WorldError(f"cannot start {self.name}: {(error.strerror or '').lower()}") from None
            written = 0
            try:
                with suppress(BrokenPipeError):  # it has given up, and says why
                    written = _pour(process, source, image, names, progress)
                code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            if code:
                words.seek(0)
                said = last_words(words.read(1 << 16).decode(errors="replace").splitlines())
                raise WorldError(f"{self.name} load failed: {said or f'exit code {code}'}", where=self.name)
            return written


def _pour(
    process: subprocess.Popen[bytes],
    source: ImageSource,
    image: Image,
    names: Sequence[str],
    progress: Progress | None,
) -> int:
    if process.stdin is None:
        return 0
    with process.stdin as pipe:
        return write_docker_archive(pipe, source, image, repo_tags=names, progress=progress)


def working_engine(preferred: EngineName | None = None) -> Engine:
    """Docker or podman, whichever works; *preferred* or nothing if it is named.

    Raises:
        WorldError: None does.

    """
    if preferred:
        Engine(preferred).require()
        return Engine(preferred)
    complaints: list[str] = []
    for name in ENGINES:
        engine = Engine(name)
        if not (why := engine.complaint()):
            return engine
        complaints.append(f"{name}: {why}")
    raise WorldError(
        "neither docker nor podman works here",
        where="; ".join(complaints),
        mend="start the Docker daemon, or write a file instead: -o docker-archive:FILE",
    )
