"""Unpack layers, one over another, into a directory that they cannot leave.

The rules are image-spec ``layer.md``: whiteouts remove what lower layers brought and never what their own
layer brings; a directory over a directory changes its attributes; anything else over anything is a
replacement. Parents are followed through links as a container would, inside the root; the last part never is.
"""

# Names in an image are bytes, which pathlib does not have:
# ruff: noqa: PTH101, PTH102, PTH106, PTH108, PTH115, PTH208, PTH211

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError

if TYPE_CHECKING:
    from wherry.oci.tarstream import Member, TarReader

MAX_ENTRIES: Final = 2_000_000  # of one layer; each costs memory while it is unpacked
_MAX_LINKS: Final = 40  # as the kernel: MAXSYMLINKS
_MAX_DEPTH: Final = 256  # well under what a path of 4096 bytes could nest, and Python could recurse
_WHITEOUT: Final = b".wh."
_MEMBERS_FAULT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})
_OPAQUE: Final = b".wh..wh..opq"


class Escape(Exception):  # noqa: N818 - it names what the path tries
    """A path that does not stay where it belongs, or leads nowhere."""


def resolve(root: bytes, parts: tuple[bytes, ...], *, make: bool) -> bytes:
    """The real path of directory or file *parts* under *root*, links followed as if *root* were ``/``.

    Args:
        root: Absolute path of the root.
        parts: The path's components.
        make: Make directories that are missing.

    Raises:
        Escape: Links go round in circles, or a file stands where a directory is needed.
        FileNotFoundError: Something is missing and *make* is not set.

    """
    todo = list(reversed(parts))
    done: list[bytes] = []
    links = 0
    while todo:
        part = todo.pop()
        if part in {b"", b"."}:
            continue
        if part == b"..":
            del done[-1:]  # the parent of / is /
            continue
        path = b"/".join((root, *done, part))
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            if not make:
                raise
            os.mkdir(path, 0o755)
            mode = stat.S_IFDIR
        if stat.S_ISLNK(mode):
            links += 1
            if links > _MAX_LINKS:
                msg = "links go round in circles"
                raise Escape(msg)
            target = os.readlink(path)
            if target.startswith(b"/"):
                done.clear()
            todo += reversed(target.split(b"/"))
            continue
        if not stat.S_ISDIR(mode) and (todo or make):
            msg = "a file stands where a directory is needed"
            raise Escape(msg)
        done.append(part)
    return b"/".join((root, *done))


class Unpacker:
    """Lays layers over each other in *root*.

    Args:
        root: An existing directory that nobody else changes meanwhile.

    Raises:
        InputError: While unpacking: a member would leave the root, or cannot be made there.
        OSError: The disk refused.

    """

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._as_root = os.geteuid() == 0
        self._real: dict[tuple[bytes, ...], bytes] = {}  # directories as named → as they are
        self._directories: dict[bytes, tuple[int, int]] = {}  # mode and mtime, set when all is done
        self._made: set[int] = set()  # hashes of what the current layer brought
        self._where = ""

    def add(self, reader: TarReader, where: str) -> None:
        """Unpack one layer over what is there."""
        self._where = where
        self._made.clear()
        self._real.clear()
        for count, member in enumerate(reader):
            if count >= MAX_ENTRIES:
                raise InputError(f"the layer has more than {MAX_ENTRIES} members", where=where)
            try:
                self._add(reader, member)
            except Escape as error:
                raise self._refused(member.path, str(error)) from None
            except (ValueError, OverflowError) as error:
                raise self._refused(member.path, str(error)) from None
            except OSError as error:
                if error.errno not in _MEMBERS_FAULT:
                    raise
                raise self._refused(member.path, (error.strerror or "").lower()) from None

    def finish(self) -> None:
        """Give directories their modes and times, deepest first, now that nothing more goes into them."""
        for path in sorted(self._directories, reverse=True):
            mode, mtime = self._directories[path]
            if self._still_there(path):
                os.chmod(path, mode)
                os.utime(path, (mtime, mtime))

    def _still_there(self, path: bytes) -> bool:
        """Whether a later layer has left the directory, and has not put a link on the way to it."""
        parts = tuple(path[len(self._root) :].split(b"/"))
        try:
            return resolve(self._root, parts, make=False) == path and stat.S_ISDIR(_mode(path))
        except (OSError, Escape):
            return False

    def _add(self, reader: TarReader, member: Member) -> None:
        parts = self._parts(member.path)
        if not parts:  # the root itself
            self._place_directory(self._root, member)
            return
        parent = self._directory(parts[:-1])
        name = parts[-1]
        if name.startswith(_WHITEOUT):
            self._white_out(parent, name)
            return
        path = parent + b"/" + name
        self._clear(path, keep_directory=member.kind == "directory")
        self._make(reader, member, path)
        self._made.add(hash(path))

    def _make(self, reader: TarReader, member: Member, path: bytes) -> None:
        match member.kind:
            case "directory":
                self._place_directory(path, member)
            case "file":
                self._write(reader, member, path)
            case "symlink":
                os.symlink(member.link, path)
                if self._as_root:
                    os.lchown(path, member.uid, member.gid)
                os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)
            case "hardlink":
                target = self._parts(member.link)
                origin = b"/".join((self._directory(target[:-1]), *target[-1:]))
                if stat.S_ISDIR(_mode(origin)):
                    msg = "a hard link to a directory"
                    raise Escape(msg)
                os.link(origin, path, follow_symlinks=False)
            case "fifo":
                os.mkfifo(path, member.mode & 0o777)
            case "character" | "block":
                pass  # a device made from a stranger's description is a door; runtimes bring their own /dev

    def _write(self, reader: TarReader, member: Member, path: bytes) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            for piece in reader.payload():
                view = memoryview(piece)
                while view:
                    view = view[os.write(fd, view) :]
            if self._as_root:
                os.fchown(fd, member.uid, member.gid)
            os.fchmod(fd, member.mode)  # after the owner: changing that drops set-user-id
            os.utime(fd, (member.mtime, member.mtime))
        finally:
            os.close(fd)

    def _place_directory(self, path: bytes, member: Member) -> None:
        if not os.path.lexists(path):
            os.mkdir(path, 0o700)
        if self._as_root:
            os.chown(path, member.uid, member.gid)
        self._directories[path] = (member.mode, member.mtime)

    def _white_out(self, parent: bytes, name: bytes) -> None:
        if name == _OPAQUE:
            for child in os.listdir(parent):
                self._remove_lower(parent + b"/" + child)
        elif not name.startswith(b".wh..wh."):  # AUFS's own bookkeeping
            hidden = name.removeprefix(_WHITEOUT)
            if hidden in {b"", b".", b".."}:
                msg = "a whiteout of nothing"
                raise Escape(msg)
            if os.path.lexists(path := parent + b"/" + hidden):
                self._remove_lower(path)
        self._real.clear()

    def _remove_lower(self, path: bytes) -> None:
        """Remove what lower layers brought, and only that."""
        made_here = hash(path) in self._made
        if stat.S_ISDIR(_mode(path)):
            for child in os.listdir(path):
                self._remove_lower(path + b"/" + child)
            if not made_here and not os.listdir(path):
                os.rmdir(path)
        elif not made_here:
            os.unlink(path)

    def _clear(self, path: bytes, *, keep_directory: bool) -> None:
        """Make room: only a directory stays, and only for a directory."""
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISDIR(mode):
            if keep_directory:
                return
            shutil.rmtree(path)
            self._real.clear()
        else:
            os.unlink(path)
            if stat.S_ISLNK(mode):
                self._real.clear()

    def _directory(self, parts: tuple[bytes, ...]) -> bytes:
        found = self._real.get(parts)
        if found is None:
            found = self._real[parts] = resolve(self._root, parts, make=True)
        return found

    def _parts(self, path: bytes) -> tuple[bytes, ...]:
        """A member's name, judged: relative to the root however it is written, and never upwards."""
        parts = tuple(part for part in path.split(b"/") if part not in {b"", b"."})
        if b".." in parts or b"\0" in path:
            msg = "the name leads out of the image"
            raise Escape(msg)
        if len(parts) > _MAX_DEPTH:
            msg = "directories are nested too deeply"
            raise Escape(msg)
        return parts

    def _refused(self, path: bytes, why: str) -> InputError:
        name = path[:200].decode(errors="replace")
        return InputError(f"cannot unpack {name!r}: {why}", where=self._where)


def _mode(path: bytes) -> int:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0
