from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.project.locks import values

COMMIT = "c" * 40


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://index.example/a/b.whl", "https://index.example/a/b.whl"),
        ("https://u:p@index.example:8443/b.whl?x=1#sha256=0", "https://index.example:8443/b.whl?x=1"),
        ("http://[::1]:80/b.whl", "http://[::1]:80/b.whl"),
    ],
)
def test_an_address_is_kept_without_credentials_and_fragment(written: str, kept: str) -> None:
    assert values.public_url(written, "") == kept


@pytest.mark.parametrize(
    "written",
    ["", "ftp://a/b", "https:///b", "https://[::1/b", "https://a:b/c", "//a/b", "https://user:1?2@a/b"],
)
def test_what_is_no_http_address_is_refused(written: str) -> None:
    with pytest.raises(InputError, match="not http or https"):
        values.public_url(written, "pylock.toml")


@given(st.text(max_size=60))
def test_no_text_makes_an_address_with_a_password(text: str) -> None:
    for written in (text, f"https://{text}", f"https://user:{text}@index.example/x"):
        try:
            kept = values.public_url(written, "")
        except InputError:
            continue
        assert "@" not in kept.split("/")[2]


@given(st.text(max_size=300))
def test_a_file_name_is_one_component_or_refused(text: str) -> None:
    try:
        name = values.filename(text, "")
    except InputError:
        return
    assert Path("/x", name).resolve().parent == Path("/x")
    assert len(name.encode()) <= 255


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("git+https://u:p@index.example/r.git", "https://index.example/r.git"),
        ("git@index.example:owner/r.git", "ssh://git@index.example/owner/r.git"),
        ("ssh://git:secret@index.example:22/r", "ssh://git@index.example:22/r"),
    ],
)
def test_a_git_address_is_kept_without_secrets(url: str, kept: str) -> None:
    assert values.git_source(url, COMMIT, "a/./b", "").url == kept
    assert values.git_source(url, COMMIT, "a/./b", "").subdirectory == "a/b"


@pytest.mark.parametrize(
    ("url", "subdirectory"),
    [
        ("https://[::1/r", ""),
        ("/local/path", ""),
        ("ext::sh -c touch", ""),
        ("ssh://-oProxyCommand=x/r", ""),
        ("https://index.example/r", "../x"),
        ("https://index.example/r", "/x"),
    ],
)
def test_a_git_source_that_could_do_harm_is_refused(url: str, subdirectory: str) -> None:
    with pytest.raises(InputError):
        values.git_source(url, COMMIT, subdirectory, "")


def test_an_sdist_from_a_file_address_is_a_path(tmp_path: Path) -> None:
    digest = values.sha256({"SHA256": "A" * 64}, "x", "")
    file = values.locked_file("a-1.tar.gz", digest, where="", root=tmp_path, url="file:///w/a%20b/a-1.tar.gz")
    assert (file.url, file.path) == (None, Path("/w/a b/a-1.tar.gz"))


def test_a_path_may_lie_beside_the_project_but_not_beyond_its_repository(tmp_path: Path) -> None:
    for place in ("repository/project", "repository/libs/one", "other"):
        (tmp_path / place).mkdir(parents=True)
    project = tmp_path / "repository/project"
    beside = values.directory_source("../libs/one", project, "", editable=False)
    assert beside.path == tmp_path / "repository/libs/one"
    with pytest.raises(InputError, match="outside"):
        values.directory_source("../../other", project, "", editable=False)
    (tmp_path / ".git").mkdir()
    assert values.directory_source("../../other", project, "", editable=True).editable


def test_a_symbolic_link_out_of_the_repository_is_followed_and_refused(root: Path) -> None:
    (root / "out").symlink_to("/")
    (root / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="outside"):
        values.directory_source("out", root, "", editable=False)
    with pytest.raises(InputError):
        values.directory_source("loop", root, "", editable=False)


@pytest.mark.parametrize(
    "function", [values.package_name, values.version, values.marker, values.specifiers, values.filename]
)
@given(text=st.text(max_size=40))
def test_every_value_is_valid_or_an_input_error(function: object, text: str) -> None:
    assert callable(function)
    with suppress(InputError):
        function(text, "here")


def test_extreme_values_are_input_errors() -> None:
    with pytest.raises(InputError):
        values.version("9" * 5000, "")
    with pytest.raises(InputError):
        values.marker("(" * 5000, "")
    with pytest.raises(InputError):
        values.package_name("a" * 300, "")
    assert str(values.specifiers("*", "")) == ""
    assert values.url_filename("https://[::1/x") == ""
