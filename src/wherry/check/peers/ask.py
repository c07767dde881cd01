"""Run other linters over files, at the same time, and collect what they say."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.check.peers.hadolint import Hadolint
from wherry.check.peers.model import Said
from wherry.check.peers.tally import Tally
from wherry.check.programs import Running
from wherry.errors import InputError, WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.peers.model import Peer
    from wherry.dockerfile.source import Source

PEERS: Final[dict[str, Peer]] = {peer.name: peer for peer in (Hadolint(), Tally())}

TIMEOUT_S: Final = 60.0
TIMEOUT_PER_FILE_S: Final = 2.0

_MOST_FILES: Final = 400  # on one command line
_MOST_TRIES: Final = 50  # with one file less each
_ODD: Final = frozenset("*?[]{}\\!")  # what tally takes for patterns


def programs_of(names: Sequence[str]) -> dict[str, str]:
    """The programs called *names*, each once, by the path they are at.

    Raises:
        InputError: wherry does not know a linter of that name.
        WorldError: It is not installed.

    """
    found: dict[str, str] = {}
    for name in names:
        if name not in PEERS:
            raise InputError(
                f"there is no linter {name[:80]!r} to check with", mend=f"one of {', '.join(PEERS)}"
            )
        program = shutil.which(name)
        if program is None:
            raise WorldError(
                f"{name} is not on the PATH, and --with asks for it",
                mend=f"install it: {PEERS[name].install}",
            )
        found[name] = program
    return found


def ask(names: Sequence[str], sources: Sequence[Source]) -> dict[str, Said]:
    """What the linters called *names* say of *sources*; paths are the sources' names.

    They read the files themselves, and find their own settings beside them; what is not on disk as it is in
    *sources* (standard input, a fix that is only shown) they are given in a directory of our own.

    Raises:
        InputError: wherry does not know a linter of that name.
        WorldError: It is not installed, fails, or does not end.

    """
    programs = programs_of(names)
    said = {name: Said() for name in programs}
    with _on_disk(sources) as names_by_path:
        paths = list(names_by_path)
        for at in range(0, len(paths), _MOST_FILES):
            for name, more in _ask_all(programs, paths[at : at + _MOST_FILES]).items():
                said[name] = _together(said[name], more)
    return {name: _renamed(one, names_by_path) for name, one in said.items()}


def _ask_all(programs: dict[str, str], paths: Sequence[str]) -> dict[str, Said]:
    """All linters at once; those for which one file was too much are asked again without it."""
    said: dict[str, Said] = {}
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(_started(name, program, paths)) for name, program in programs.items()
        }
        for name, program in programs.items():
            said[name] = _answer(name, running[name], paths)
            if not said[name].remarks and said[name].unread:
                said[name] = _ask_again(name, program, paths, said[name])
    return said


def _ask_again(name: str, program: str, paths: Sequence[str], first: Said) -> Said:
    unread = dict(first.unread)
    for _ in range(_MOST_TRIES):
        rest = [path for path in paths if path not in unread]
        if not rest:
            break
        with _started(name, program, rest) as running:
            said = _answer(name, running, rest)
        unread |= said.unread
        if said.remarks or not said.unread:
            return replace(said, unread=unread)
    return Said(unread=unread)


def _started(name: str, program: str, paths: Sequence[str]) -> Running:
    # The locale of UTF-8: hadolint prints names of files by it.
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
    return Running([program, *PEERS[name].arguments(paths)], environment=environment)


def _answer(name: str, running: Running, paths: Sequence[str]) -> Said:
    ended = running.ended(TIMEOUT_S + TIMEOUT_PER_FILE_S * len(paths), f"check without --with {name}")
    return PEERS[name].read(ended.code, ended.output, ended.errors, paths)


def _together(one: Said, other: Said) -> Said:
    return Said(one.remarks + other.remarks, one.unread | other.unread)


def _renamed(said: Said, names: dict[str, str]) -> Said:
    """The same, of the files as wherry names them; what is said of other files is nobody's."""
    remarks = (replace(one, path=names[one.path]) for one in said.remarks if one.path in names)
    unread = {names[path]: reason for path, reason in said.unread.items() if path in names}
    return Said(tuple(remarks), unread)


@contextmanager
def _on_disk(sources: Sequence[Source]) -> Iterator[dict[str, str]]:
    """Absolute paths at which the bytes of *sources* lie, and their names."""
    with tempfile.TemporaryDirectory(prefix="wherry-") as folder:
        names: dict[str, str] = {}
        for number, source in enumerate(sources):
            path = os.path.abspath(source.name)  # noqa: PTH100 - links stay: settings are looked for beside
            if not _is_plain(path) or not _holds(Path(path), source.data):
                path = str(Path(folder, str(number), "Dockerfile"))
                Path(path).parent.mkdir()
                Path(path).write_bytes(source.data)
            names[path] = source.name
        yield names


def _is_plain(path: str) -> bool:
    """Whether every program reads the path as it stands and prints it so."""
    return path.isprintable() and _ODD.isdisjoint(path)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False
