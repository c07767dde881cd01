from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.project.locks.document import read_document
from wherry.project.locks.model import Choice, DirectorySource, GitSource, Lock
from wherry.project.locks.pylock import read_pylock

if TYPE_CHECKING:
    from pathlib import Path

SHA = "a" * 64
COMMIT = "b" * 40
HEAD = 'lock-version = "1.0"\ncreated-by = "hand"\n'
CLICK = f"""
[[packages]]
name = "click"
version = "8.1.7"
index = "https://index.example/simple"
sdist = {{ url = "https://index.example/click-8.1.7.tar.gz", hashes = {{ sha256 = "{SHA}" }} }}
[[packages.wheels]]
url = "https://me:secret@index.example/click-8.1.7-py3-none-any.whl#x"
size = 97
hashes = {{ sha256 = "{SHA}" }}
"""


def read(root: Path, text: str, *, groups: tuple[str, ...] = (), extras: tuple[str, ...] = ()) -> Lock:
    path = root / "pylock.toml"
    path.write_text(text, "utf-8")
    return read_pylock(read_document(path), Choice(root, groups, extras))


def refused(root: Path, text: str, **choice: tuple[str, ...]) -> InputError:
    with pytest.raises(InputError) as caught:
        read(root, text, **choice)
    assert len(caught.value.lines()) <= 3
    return caught.value


def test_files_come_with_hash_size_and_address_but_without_credentials(root: Path) -> None:
    lock = read(root, HEAD + CLICK)
    [click] = lock.packages
    [wheel] = click.wheels
    assert wheel.url == "https://index.example/click-8.1.7-py3-none-any.whl"
    assert (wheel.filename, wheel.size_bytes, wheel.digest.hex) == ("click-8.1.7-py3-none-any.whl", 97, SHA)
    assert click.sdist is not None
    assert click.sdist.filename == "click-8.1.7.tar.gz"
    assert "secret" not in repr(lock)
    assert (lock.kind, lock.path.name) == ("pylock.toml", "pylock.toml")


def test_every_kind_of_source_is_understood(root: Path) -> None:
    (root / "lib").mkdir()
    lock = read(
        root,
        f"""{HEAD}requires-python = ">=3.11"
[[packages]]
name = "git-one"
vcs = {{ type = "git", url = "https://t@index.example/g", commit-id = "{COMMIT}", subdirectory = "sub" }}
[[packages]]
name = "git-here"
vcs = {{ type = "git", path = "../g", commit-id = "{COMMIT}" }}
[[packages]]
name = "lib"
directory = {{ path = "lib", editable = true }}
[[packages]]
name = "archived"
archive = {{ url = "https://index.example/a.tar.gz", subdirectory = "i/t", hashes = {{ sha256 = "{SHA}" }} }}
[[packages]]
name = "wheeled"
version = "1"
archive = {{ path = "w/wheeled-1-py3-none-any.whl", hashes = {{ sha256 = "{SHA}" }} }}
[[packages]]
name = "self"
directory = {{ path = "." }}
""",
    )
    by_name = {str(package.name): package for package in lock.packages}
    assert by_name["git-one"].source == GitSource("https://index.example/g", COMMIT, "sub")
    assert by_name["git-here"].source == GitSource(f"file://{root.parent}/g", COMMIT)
    assert by_name["lib"].source == DirectorySource(root / "lib", editable=True)
    archived = by_name["archived"]
    assert archived.sdist is not None
    assert (archived.sdist.filename, archived.subdirectory) == ("a.tar.gz", "i/t")
    assert by_name["wheeled"].wheels[0].path == root / "w/wheeled-1-py3-none-any.whl"
    assert "self" not in by_name, "the project itself has a layer of its own"
    assert str(lock.requires_python) == ">=3.11"


def test_groups_and_extras_are_chosen_as_the_lock_spells_them(root: Path) -> None:
    text = f'{HEAD}extras = ["gpu-x"]\ndependency-groups = ["default", "Dev"]\ndefault-groups = ["default"]\n'
    text += "environments = [\"sys_platform == 'linux'\"]\n" + CLICK
    lock = read(root, text, groups=("dev",), extras=("GPU_x",))
    assert lock.groups == {"default", "Dev"}
    assert lock.extras == {"gpu-x"}
    assert [str(environment) for environment in lock.environments] == ['sys_platform == "linux"']
    error = refused(root, text, groups=("docs",))
    assert error.what == "pylock.toml has no dependency group 'docs'; it has Dev, default"
    assert "has no extra 'cpu'" in refused(root, text, extras=("cpu",)).what


def test_a_newer_minor_version_is_noted_and_a_newer_major_refused(root: Path) -> None:
    lock = read(root, HEAD.replace("1.0", "1.9") + "packages = []\n")
    assert lock.notes == ("pylock.toml has lock-version 1.9: what is newer than 1.0 in it is not read",)
    error = refused(root, 'lock-version = "2.0"\nsomething = "else"\n')
    assert error.what == "pylock.toml has lock-version '2.0'; wherry reads 1.0"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = [", "pylock.toml is not TOML"),
        ("packages = []", "lock-version 'None'"),
        ('lock-version = "one"', "lock-version 'one'"),
        (HEAD, "Missing required value in 'packages'"),
        (HEAD + "packages = 3", "pylock.toml is not a valid lock"),
        (HEAD + CLICK.replace("sha256", "md5"), "has no SHA-256 hash"),
        (HEAD + CLICK.replace(SHA, "abc"), "has no SHA-256 hash"),
        (HEAD + CLICK.replace("size = 97", "size = -1"), "is negative"),
        (HEAD + CLICK.replace("https://me", "ftp://me"), "not http or https (ftp)"),
        (HEAD + CLICK.replace('"click"', '"Click"'), "is not normalized in 'packages[0]"),
        (HEAD + CLICK.replace("click-8.1.7-py3", "..%2Fclick-8.1.7-py3"), "is not"),
        (HEAD + '[[packages]]\nname="a"\ndirectory={path="/etc"}', "lies outside the project's repository"),
        (
            HEAD + '[[packages]]\nname="a"\ndirectory={path="../../.."}',
            "lies outside the project's repository",
        ),
        (HEAD + '[[packages]]\nname="a"\ndirectory={path="gone"}', "is not a directory here"),
        (HEAD + '[[packages]]\nname="a"\ndirectory={path="a\\u0000b"}', "is not a path"),
        (
            HEAD
            + f'[[packages]]\nname="a"\nvcs={{type="hg", url="https://index.example", commit-id="{COMMIT}"}}',
            "'hg'",
        ),
        (
            HEAD
            + '[[packages]]\nname="a"\nvcs={type="git", url="https://index.example/a", commit-id="main"}',
            "full hash",
        ),
        (
            HEAD + f'[[packages]]\nname="a"\nvcs={{type="git", url="ext::sh", commit-id="{COMMIT}"}}',
            "git over",
        ),
        ("x = " + "[" * 5000 + "]" * 5000, "pylock.toml"),
        ("x = " + "9" * 5000, "pylock.toml"),
    ],
)
def test_a_broken_lock_is_refused_in_words(root: Path, text: str, says: str) -> None:
    assert says in refused(root, text).what


def test_a_lock_of_ours_is_stale_when_what_it_was_made_from_has_changed(root: Path) -> None:
    wish = root / "requirements.in"
    wish.write_text("click\n")
    inputs = f'"requirements.in" = "{Digest.of_file(wish)}"\n"gone.in" = "x"\n'
    text = f"{HEAD}packages = []\n[tool.wherry.inputs]\n{inputs}"
    assert read(root, text).inputs == (wish,)
    wish.write_text("click\nrich\n")
    error = refused(root, text)
    assert error.what == "pylock.toml is stale: requirements.in has changed since"
    assert error.mend == "run: wherry lock"
    escaping = text.replace("requirements.in", "../requirements.in")
    assert "is not the name of a file" in refused(root, escaping).what


def test_a_lock_that_is_not_text_or_too_large_or_missing_is_refused(root: Path) -> None:
    path = root / "pylock.toml"
    path.write_bytes(b'a = 1\nb = "\xff"')
    with pytest.raises(InputError) as caught:
        read_pylock(read_document(path), Choice(root))
    assert caught.value.where == f"{path}:2"
    with path.open("wb") as stream:
        stream.truncate(50 << 20)
    with pytest.raises(InputError, match="larger than 16 MiB"):
        read_document(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_document(root / "missing")
    with pytest.raises(InputError, match="cannot be read"):
        read_document(root)
