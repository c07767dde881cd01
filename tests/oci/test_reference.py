from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.reference import (
    DaemonReference,
    DockerArchiveReference,
    LayoutReference,
    OciArchiveReference,
    Reference,
    RegistryReference,
    StoreDigest,
    StoreTag,
    parse_reference,
    parse_tag,
)

D = Digest.of_bytes(b"")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("app", StoreTag("app", "latest")),
        ("app:v2", StoreTag("app", "v2")),
        ("team/app:V2", StoreTag("team/app", "V2")),
        (str(D), StoreDigest(D)),
        ("oci:some/dir", LayoutReference(Path("some/dir"))),
        ("oci:some/dir:v1", LayoutReference(Path("some/dir"), "v1")),
        ("oci-archive:a.tar:v1", OciArchiveReference(Path("a.tar"), "v1")),
        ("docker-archive:/a.tar", DockerArchiveReference(Path("/a.tar"))),
        ("docker-archive:/a.tar:app", DockerArchiveReference(Path("/a.tar"), "app:latest")),
        ("docker-daemon:app", DaemonReference("app:latest")),
        ("docker://reg.example/app:v1", RegistryReference("reg.example", "app", "v1")),
        ("localhost/app", RegistryReference("localhost", "app")),
        ("reg.example:5000/a/b", RegistryReference("reg.example:5000", "a/b")),
        (f"reg.example/app:v1@{D}", RegistryReference("reg.example", "app", "v1", D)),
        ("docker://[::1]:5000/app", RegistryReference("[::1]:5000", "app")),
    ],
)
def test_a_name_says_where_the_image_is(text: str, meant: Reference) -> None:
    assert parse_reference(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "App",
        "app:",
        "app:v/2",
        "app:" + "x" * 129,
        "a" * 256,
        "../app",
        "a//b",
        "app app",
        "oci:",
        "oci:dir:\n",
        "docker-archive:f:UPPER",
        "docker://python:3.12",
        "docker://reg.example/UPPER",
        "docker://-x.example/app",
        "reg.example:65536/app",
        "reg.example/app@sha256:12",
        "sha256:12",
    ],
)
def test_what_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_reference(text)


def test_a_url_is_answered_with_the_name_in_it() -> None:
    for read in (parse_reference, parse_tag):
        with pytest.raises(InputError, match="is a URL, not an image's name") as plain:
            read("http://127.0.0.1:5000/app:v1")
        assert plain.value.mend == (
            "leave out http://, and write 127.0.0.1:5000/app:v1;"
            " add --plain-http if that registry really has no TLS"
        )
        with pytest.raises(InputError) as secure:
            read("HTTPS://reg.example/app")
        assert secure.value.mend == "leave out HTTPS://, and write reg.example/app"


def test_a_tag_of_ours_may_look_like_a_registrys() -> None:
    assert str(parse_tag("reg.example:5000/team/app")) == "reg.example:5000/team/app:latest"


@pytest.mark.parametrize(
    "text",
    [
        "docker://user:hunter2@reg.example/app",
        "user:hunter2@reg.example/app:1",
        f"user:hunter2@reg.example/app@{D}",
        "https://user:hunter2@reg.example/app",
    ],
)
def test_a_password_in_a_name_is_refused_and_not_repeated(text: str) -> None:
    for parse in (parse_reference, parse_tag):
        with pytest.raises(InputError) as caught:
            parse(text)
        assert "hunter2" not in "\n".join(caught.value.lines())


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_an_explained_error(text: str) -> None:
    for parse in (parse_reference, parse_tag):
        with suppress(InputError):
            assert str(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "app:latest",
        str(D),
        "oci:d:v1",
        "oci:d",
        "oci-archive:f",
        "docker-archive:f:a:latest",
        "docker-daemon:a:latest",
        f"docker://h.example/r:t@{D}",
    ],
)
def test_a_reference_is_shown_as_it_was_typed(text: str) -> None:
    assert str(parse_reference(text)) == text
