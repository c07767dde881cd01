"""The fixture is what pipenv 2026.10 wrote for the Pipfile beside it, shortened to a few hashes each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.project.locks.document import read_document
from wherry.project.locks.model import Choice, DirectorySource, GitSource, Lock
from wherry.project.locks.offers import KnownFile
from wherry.project.locks.pipfile import read_pipfile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wherry.project.locks.pins import Lookup, Pin

SHA = "a" * 64
COMMIT = "c" * 40


@pytest.fixture
def known(lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> Lookup:
    """An index that has every pin as one wheel."""

    def remembered(pin: Pin, _lookup: Lookup) -> tuple[KnownFile, ...]:
        stem = f"{pin.name.replace('-', '_')}-{pin.version}"
        return (KnownFile(pin.files[0].digest.hex, f"{stem}-py3-none-any.whl", None),)

    monkeypatch.setattr("wherry.project.locks.addresses._remembered", remembered)
    return lookup


def read(root: Path, lookup: Lookup, *, groups: tuple[str, ...] = (), extras: tuple[str, ...] = ()) -> Lock:
    return read_pipfile(read_document(root / "Pipfile.lock"), Choice(root, groups, extras), lookup)


def read_object(root: Path, lookup: Lookup, lock: object) -> Lock:
    (root / "Pipfile.lock").write_text(lock if isinstance(lock, str) else json.dumps(lock), "utf-8")
    return read(root, lookup)


def names(lock: Lock) -> set[str]:
    return {str(package.name) for package in lock.packages}


@pytest.fixture
def real(root: Path, copy: Callable[..., Path]) -> Path:
    copy("pipenv-lock.json", "Pipfile.lock")
    copy("pipenv-Pipfile", "Pipfile")
    return root


def test_production_is_default_and_categories_add_to_it(real: Path, known: Lookup) -> None:
    production = read(real, known)
    assert {"click", "uvicorn", "markupsafe", "python-dotenv"} <= names(production)
    assert names(read(real, known, groups=("dev",))) - names(production) == {"iniconfig"}
    assert names(read(real, known, groups=("docs",))) - names(production) == {"pluggy"}
    uvicorn = next(package for package in production.packages if package.name == "uvicorn")
    assert str(uvicorn.marker) == 'python_version < "3.13"'
    assert uvicorn.where == "Pipfile.lock: default.uvicorn"
    with pytest.raises(InputError, match="has no category 'nope'; it has default, develop, docs"):
        read(real, known, groups=("nope",))
    with pytest.raises(InputError, match="knows no extras; asked for gpu"):
        read(real, known, extras=("gpu",))


def test_a_changed_pipfile_makes_the_lock_stale(real: Path, known: Lookup) -> None:
    (real / "Pipfile").write_text((real / "Pipfile").read_text().replace('click = ">=8"', 'click = "*"'))
    with pytest.raises(InputError) as caught:
        read(real, known)
    assert caught.value.what == "Pipfile.lock is stale: the Pipfile has changed since"
    (real / "Pipfile").unlink()
    assert read(real, known).packages


def test_a_pipfile_without_a_source_is_judged_by_the_names_in_it(real: Path, known: Lookup) -> None:
    """Its hash covers the pip configuration of the machine that locked, which is not here."""
    pipfile = (real / "Pipfile").read_text().partition("[packages]")[2]
    (real / "Pipfile").write_text(f"[packages]{pipfile}")
    assert read(real, known).packages
    (real / "Pipfile").write_text(f'[packages]\nnew-thing = "*"{pipfile}')
    with pytest.raises(InputError, match="is stale"):
        read(real, known)


def test_pipenvs_own_hash_of_a_pipfile_with_everything_is_fresh(root: Path, known: Lookup) -> None:
    (root / "Pipfile").write_text(
        '[[source]]\nname="s"\nurl="https://index.example/simple"\nverify_ssl=true\n[packages]\na="*"\n[docs]\n'
        'b="*"\n[pipenv]\nallow_prereleases=true\n[scripts]\nx="y"\n[requires]\npython_version="3.11"\n'
    )
    digest = "7f4a576b007444a2b8c339b40c7ed668bf595fe9f29892d2844b9e1de20f93f1"
    assert read_object(root, known, {"_meta": {"pipfile-spec": 6, "hash": {"sha256": digest}}}).packages == ()


def lock_of(**entries: object) -> dict[str, object]:
    return {"_meta": {"pipfile-spec": 6}, "default": entries}


def test_every_kind_of_source_is_understood(root: Path, known: Lookup) -> None:
    (root / "lib").mkdir()
    lock = read_object(
        root,
        known,
        lock_of(
            a={"git": "https://u:p@index.example/g.git", "ref": COMMIT, "subdirectory": "s"},
            b={"path": "./lib", "editable": True},
            c={"file": "https://index.example/c-1-py3-none-any.whl", "hashes": [f"sha256:{SHA}"]},
            d={"path": "w/d-1.tar.gz", "hashes": [f"sha256:{SHA}"]},
            e={"file": "w/e-1-py3-none-any.whl", "hashes": [f"sha256:{SHA}"]},
            f={"path": "."},
        ),
    )
    by_name = {str(package.name): package for package in lock.packages}
    assert by_name["a"].source == GitSource("https://index.example/g.git", COMMIT, "s")
    assert by_name["b"].source == DirectorySource(root / "lib", editable=True)
    assert by_name["c"].wheels[0].url == "https://index.example/c-1-py3-none-any.whl"
    assert by_name["d"].sdist is not None
    assert by_name["d"].sdist.path == root / "w/d-1.tar.gz"
    assert by_name["e"].wheels[0].path == root / "w/e-1-py3-none-any.whl"
    assert "f" not in by_name


def test_further_sources_are_asked_too(root: Path, lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def remembered(_pin: Pin, asking: Lookup) -> None:
        asked.append(asking.options)

    monkeypatch.setattr("wherry.project.locks.addresses._remembered", remembered)
    lock = lock_of(a={"version": "==1", "hashes": [Digest.of_bytes(b"")]})
    urls = ("https://index.example/simple", "https://more.example/simple", "https://bad.example/ --pre")
    lock["_meta"] = {"pipfile-spec": 6, "sources": [{"name": "x", "url": url} for url in urls]}
    with pytest.raises(WorldError):
        read_object(root, lookup, lock)
    assert asked == [("--extra-index-url https://more.example/simple",)]


@pytest.mark.parametrize(
    ("lock", "says"),
    [
        ("{", "Pipfile.lock is not JSON"),
        ("[]", "is not as its format says: Expected `object`, got `array`"),
        ("[" * 100_000, "Pipfile.lock"),
        ({}, "missing required field `pipfile-spec`"),
        ({"_meta": {"pipfile-spec": 7}}, "pipfile-spec 7; wherry reads 6"),
        ({"_meta": {"pipfile-spec": 6}, "default": 3}, "Expected `object`, got `int`"),
        (lock_of(a=3), "Expected `object`, got `int` - at `$[...]`"),
        (lock_of(a={"version": "*"}), "a is not pinned with =="),
        (lock_of(a={"version": "==1"}), "a 1 has no files with hashes"),
        (lock_of(a={"version": "==1", "hashes": ["md5:00"]}), "a 1 has no files with hashes"),
        (lock_of(a={"version": "==1", "hashes": ["sha256:00"]}), "no SHA-256 hash"),
        (lock_of(a={"version": "==1", "markers": "x"}), "is not an environment marker"),
        (lock_of(**{"a b": {}}), "is not a package name"),
        (lock_of(a={"git": "https://index.example/r", "ref": "main"}), "is not a full hash"),
    ],
)
def test_a_broken_lock_is_refused_in_words(root: Path, known: Lookup, lock: object, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_object(root, known, lock)
    assert says in caught.value.what
    assert len(caught.value.lines()) <= 3
