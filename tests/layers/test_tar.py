from __future__ import annotations

import io
import tarfile

from hypothesis import example, given
from hypothesis import strategies as st

from wherry.layers import tar

MTIME = 1_672_531_200
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60)
PATHS = (
    st.lists(NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=12)
    .map("/".join)
    .filter(lambda path: len(path.encode()) <= 4096)
)


def read_back(header: bytes, content: bytes = b"") -> tarfile.TarInfo:
    assert len(header) % 512 == 0
    data = header + content + tar.padding(len(content)) + tar.END
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (member,) = archive.getmembers()
    return member


@given(PATHS, st.binary(max_size=2000), st.sampled_from([0o644, 0o755]), st.integers(0, 2**31))
@example("a" * 100, b"", 0o644, 1)
@example("a" * 101, b"", 0o644, 1)
@example("d" * 155 + "/" + "n" * 100, b"", 0o644, 1)
@example("d" * 156 + "/" + "n" * 100, b"", 0o644, 1)
@example("d" * 155 + "/" + "n" * 101, b"", 0o644, 1)
@example("d/" * 127 + "n", b"", 0o644, 1)
@example("é", b"x", 0o644, 1)
@example("a\nb=c", b"x", 0o644, 1)
def test_tarfile_reads_what_was_written(path: str, content: bytes, mode: int, mtime: int) -> None:
    member = read_back(tar.file_header(path, len(content), mode=mode, mtime=mtime), content)
    assert (member.name, member.size, member.mode, member.mtime) == (path, len(content), mode, mtime)
    assert (member.uid, member.gid, member.uname, member.gname, member.type) == (
        0,
        0,
        "",
        "",
        tarfile.REGTYPE,
    )


@given(st.from_regex(r"[a-z]{1,50}(/[a-z]{1,50}){0,3}", fullmatch=True), st.integers(0, 8**11 - 1))
def test_a_member_that_fits_ustar_is_exactly_what_tarfile_writes(path: str, size_bytes: int) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode, info.mtime = size_bytes, 0o644, MTIME
    ours = tar.file_header(path, size_bytes, mode=0o644, mtime=MTIME)
    # Where a long path is cut into prefix and name is the writer's choice; tarfile cuts elsewhere.
    if len(path) <= 100:
        assert ours == info.tobuf(tarfile.USTAR_FORMAT)
    assert len(ours) == 512


def test_numbers_too_large_for_ustar_are_kept() -> None:
    header = tar.file_header("a", 9 << 30, mode=0o644, mtime=MTIME, uid=3_000_000, gid=5)
    info = tarfile.TarInfo.frombuf(header[-512:], "utf-8", "strict")
    assert info.size == 0
    records = header[512:1024].rstrip(b"\0")
    assert records == b"19 size=9663676416\n15 uid=3000000\n"


def test_links_and_directories_are_read_back() -> None:
    directory = read_back(tar.directory_header("opt/venv", mtime=MTIME))
    assert (directory.name, directory.isdir(), directory.mode) == ("opt/venv", True, 0o755)
    link = read_back(tar.symlink_header("bin/python", "é" * 200, mtime=MTIME))
    assert (link.issym(), link.linkname) == (True, "é" * 200)
    hard = read_back(tar.hard_link_header("b", "a", mode=0o644, mtime=MTIME, uid=7, gid=8))
    assert (hard.islnk(), hard.linkname, hard.uid, hard.gid) == (True, "a", 7, 8)
