"""What of a package an image gets, and where links lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.layers.deb_paths import MERGED, is_kept, is_licence_place, parents, resolved


@pytest.mark.parametrize(
    "path",
    [
        "usr/lib/x86_64-linux-gnu/libz.so.1",
        "usr/share/doc/zlib1g/copyright",
        "usr/share/doc/gcc-12-base",
        "usr/share/doc/openblas/NOTICE.gz",
        "usr/share/common-licenses/GPL-3",
        "usr/share/zoneinfo/Europe/Berlin",
        "usr/lib/locale/C.utf8/LC_CTYPE",
        "usr/lib/python3.11/lib-dynload/_decimal.cpython-311-x86_64-linux-gnu.so",
        "usr/sbin/ldconfig",
        "usr/bin/python3.11",
        "etc/ld.so.conf.d/libc.conf",
        "etc/mime.types",
        "var/lib/misc",
        "var/tmp",
    ],
)
def test_what_runs_and_what_licenses_it_is_kept(path: str) -> None:
    assert is_kept(path)


@pytest.mark.parametrize(
    "path",
    [
        "usr/share/doc/zlib1g/changelog.Debian.gz",
        "usr/share/doc",
        "usr/share/man/man1/x.1.gz",
        "usr/share/man",
        "usr/share/locale/de/LC_MESSAGES/x.mo",
        "usr/share/lintian/overrides/x",
        "usr/share/info/x.info.gz",
        "etc/init.d/x",
        "etc/cron.daily/x",
        "etc/profile",
        "usr/lib/systemd/system/x.service",
        "usr/bin/ldd",
        "usr/games",
        "usr/lib/python3.11/lib-dynload/nis.cpython-311-x86_64-linux-gnu.so",
    ],
)
def test_what_a_container_never_reads_is_dropped(path: str) -> None:
    assert not is_kept(path)


def test_links_are_followed_inside_the_root() -> None:
    links = {**MERGED, "usr/share/doc/a": "../doc/b", "etc/alternatives/x": "/bin/y", "up": "../../../etc"}
    assert (
        resolved("lib/x86_64-linux-gnu/libc.so.6", links, follow_last=True)
        == "usr/lib/x86_64-linux-gnu/libc.so.6"
    )
    assert resolved("lib", links, follow_last=False) == "lib"
    assert resolved("lib", links, follow_last=True) == "usr/lib"
    assert resolved("usr/share/doc/a/copyright", links, follow_last=False) == "usr/share/doc/b/copyright"
    assert resolved("etc/alternatives/x", links, follow_last=True) == "usr/bin/y"
    assert resolved("up/passwd", links, follow_last=True) == "etc/passwd"


def test_links_in_a_circle_are_an_error() -> None:
    with pytest.raises(InputError, match="circle"):
        resolved("a", {"a": "b", "b": "/a"}, follow_last=True)


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "a/b", "b/a"]), st.text(alphabet="ab/.", min_size=1), max_size=4
    ),
    st.text(alphabet="ab/.", max_size=10),
)
def test_no_path_leads_out_whatever_the_links(links: dict[str, str], path: str) -> None:
    try:
        found = resolved(path, links, follow_last=True)
    except InputError:
        return
    assert not found.startswith("/")
    assert ".." not in found.split("/")


def test_parents_are_all_directories_above() -> None:
    assert parents("a/b/c") == ["a/b", "a"]
    assert parents("a") == []
    assert is_licence_place("usr/share/doc/x")
    assert not is_licence_place("usr/share/docs")
