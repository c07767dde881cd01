from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.project.locks.addresses import KnownFiles, _key
from wherry.project.locks.document import read_document
from wherry.project.locks.model import Choice, DirectorySource, GitSource, Lock
from wherry.project.locks.offers import KnownFile
from wherry.project.locks.requirement_lines import Pin
from wherry.project.locks.requirements import included_files, logical_lines, read_requirements

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.project.locks.pins import Lookup

SHA, OTHER = "a" * 64, "b" * 64
HASH = f"--hash=sha256:{SHA}"
COMMIT = "c" * 40


@pytest.fixture
def known(lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> Lookup:
    """An index that has every pin as one wheel: what is asked is not what these tests are about."""

    def remembered(pin: object, _lookup: Lookup) -> tuple[KnownFile, ...]:
        files = pin.files  # type: ignore[attr-defined]
        stem = f"{pin.name.replace('-', '_')}-{pin.version}"  # type: ignore[attr-defined]
        return tuple(
            KnownFile(file.digest.hex, f"{stem}-py3-none-any.whl" if not n else f"{stem}.tar.gz", None)
            for n, file in enumerate(files[:2])
        )

    monkeypatch.setattr("wherry.project.locks.addresses._remembered", remembered)
    return lookup


def read(root: Path, lookup: Lookup, text: str, **files: str) -> Lock:
    for name, content in files.items():
        (root / f"{name}.txt").write_text(content, "utf-8")
    path = root / "requirements.txt"
    path.write_text(text, "utf-8")
    return read_requirements(read_document(path), Choice(root), lookup)


def refused(root: Path, lookup: Lookup, text: str, **files: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read(root, lookup, text, **files)
    assert len(caught.value.lines()) <= 3
    return caught.value


def test_pins_with_hashes_markers_extras_and_continuations_are_read(root: Path, known: Lookup) -> None:
    lock = read(
        root,
        known,
        f"""# made by hand
--index-url https://index.example/simple
--pre
Click[x]==8.1.7 ; python_version < "3.13" \\
    --hash=sha256:{SHA} \\
    --hash=sha256:{OTHER} \\
    --hash=md5:{"d" * 32}
    # via nothing
markupsafe === 3.0.2 --hash sha256:{SHA}   # trailing
""",
    )
    click, markupsafe = lock.packages
    assert (click.name, str(click.version), str(click.marker)) == (
        "click",
        "8.1.7",
        'python_version < "3.13"',
    )
    assert [file.digest.hex for file in click.wheels] == [SHA]
    assert click.sdist is not None
    assert click.sdist.digest.hex == OTHER
    assert click.where == "requirements.txt:4"
    assert markupsafe.where == "requirements.txt:9"
    assert lock.kind == "requirements.txt"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("click", "click is not pinned with ==: requirements.txt is no lock"),
        ("click>=8", "click is not pinned"),
        ("click==8.*", "click is not pinned"),
        ("click==8.1,<9", "click is not pinned"),
        ("click==8.1.7", "click 8.1.7 has no sha256 hash"),
        (f"click==8.1.7 --hash=md5:{'a' * 32}", "click 8.1.7 has no sha256 hash"),
    ],
)
def test_what_is_no_lock_says_where_and_what_to_run(root: Path, known: Lookup, line: str, says: str) -> None:
    error = refused(root, known, f"\n{line}\n")
    assert says in error.what
    assert error.where == "requirements.txt:2"
    assert "wherry lock" in error.mend
    assert "uv pip compile --universal --generate-hashes" in error.mend


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("==1", "is not a requirement"),
        ("-", "is not a line"),
        ("--frobnicate yes", "--frobnicate is not an option"),
        ("-r", "cannot include ''"),
        ("-r https://index.example/r.txt", "cannot include"),
        ("-r missing.txt", "missing.txt cannot be read"),
        (f"a==1 --hash=sha256:{'g' * 64}", "is not a hash"),
        (f"a==1 --hash=sha256:{'a' * 63}", "no SHA-256 hash"),
        (f"a==1 --jump=yes {HASH}", "--jump is not an option"),
        ("git+https://index.example/a.git@main", "needs its package's name"),
        ("a @ git+https://index.example/a.git@main", "is not a full hash"),
        ("a @ git+https://index.example/a.git", "is not a full hash"),
        ("a @ https://index.example/a-1-py3-none-any.whl", "has no sha256 hash"),
        (f"a @ https://index.example/b-1-py3-none-any.whl#sha256={SHA}", "a is said to be b"),
        (f"a @ https://index.example/page#sha256={SHA}", "is not the name of a wheel or an sdist"),
        (f"./a-1.whl {HASH}", "is not the name of a wheel or an sdist"),
        (f"./a-1-py3-none-any.whl {HASH} --hash=sha256:{OTHER}", "is one file and has 2 hashes"),
        ("-e ./gone", "is not a directory here"),
        ("-e .", "the name of the project"),
        ("-e ../../..", "outside the project's repository"),
        (f"a==1 ; nonsense {HASH}", "is not a requirement"),
        (f"./a-1-py3-none-any.whl ; nonsense {HASH}", "is not an environment marker"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_at_its_place(
    root: Path, known: Lookup, line: str, says: str
) -> None:
    error = refused(root, known, line)
    assert says in error.what
    assert "requirements.txt:1" in error.where or "missing.txt" in error.where


def test_addresses_commits_files_and_directories_are_sources(root: Path, known: Lookup) -> None:
    for name in ("lib", "named"):
        (root / name).mkdir()
    (root / "lib" / "pyproject.toml").write_text('[project]\nname = "The.Lib"\n')
    lock = read(
        root,
        known,
        f"""one @ https://t:0@index.example/one-1-py3-none-any.whl#sha256={SHA} ; sys_platform == "linux"
https://index.example/two-2.tar.gz#sha256={SHA}&subdirectory=sub
three @ git+https://u:p@index.example/r/three.git@{COMMIT}#subdirectory=s
git+ssh://git@index.example/four.git@{COMMIT}#egg=four[x]
./w/five-5-py3-none-any.whl ; python_version > "3" {HASH}
-e ./lib[extra]
six @ file://{root}/named
seven @ file:///w/seven-7-py3-none-any.whl {HASH}
""",
    )
    by_name = {str(package.name): package for package in lock.packages}
    assert by_name["one"].wheels[0].url == "https://index.example/one-1-py3-none-any.whl"
    assert str(by_name["one"].marker) == 'sys_platform == "linux"'
    assert by_name["two"].subdirectory == "sub"
    assert by_name["three"].source == GitSource("https://index.example/r/three.git", COMMIT, "s")
    assert by_name["four"].source == GitSource("ssh://git@index.example/four.git", COMMIT)
    assert by_name["five"].wheels[0].path == root / "w/five-5-py3-none-any.whl"
    assert str(by_name["five"].marker) == 'python_version > "3"'
    assert by_name["the-lib"].source == DirectorySource(root / "lib", editable=True)
    assert by_name["six"].source == DirectorySource(root / "named")
    assert str(by_name["seven"].wheels[0].path) == "/w/seven-7-py3-none-any.whl"


def test_the_project_itself_is_left_out_and_said_to_be(root: Path, known: Lookup) -> None:
    (root / "pyproject.toml").write_text('[project]\nname = "project"\n')
    lock = read(root, known, f"-e .\nclick==8 {HASH}\n")
    assert [package.name for package in lock.packages] == ["click"]
    assert lock.notes == ("requirements.txt:1 is the project itself, which has its own layer",)


def test_included_files_are_part_of_the_lock(root: Path, known: Lookup) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "more.txt").write_text(f"-r ../base.txt\nrich==13 {HASH}\n")
    lock = read(root, known, "--requirement='sub/more.txt'\n", base=f"click==8 {HASH}\n")
    assert [package.where for package in lock.packages] == ["base.txt:1", "sub/more.txt:2"]
    assert lock.inputs == (root / "sub/more.txt", root / "base.txt")


def test_constraints_pin_and_hash_what_the_requirements_name(root: Path, known: Lookup) -> None:
    constraints = f"click==8.1.7 {HASH}\nunused==1 {HASH}\n./x-1-py3-none-any.whl {HASH}\n"
    lock = read(root, known, "-c locked.txt\nclick>=8\n", locked=constraints)
    assert [(package.name, str(package.version)) for package in lock.packages] == [("click", "8.1.7")]
    error = refused(root, known, f"-c locked.txt\nclick==8.2 {HASH}\n", locked=constraints)
    assert error.what == "click is pinned to 8.2 and constrained to 8.1.7"
    assert refused(root, known, "-c more.txt\nrich\n", more="-r locked.txt\n").what.startswith("rich is not")


def test_files_that_include_one_another_are_refused(root: Path, known: Lookup) -> None:
    error = refused(root, known, "-r a.txt\n", a="-r b.txt\n", b="-r requirements.txt\n")
    assert (error.what, error.where) == ("requirements.txt includes itself", "b.txt:1")
    for number in range(30):
        (root / f"deep{number}.txt").write_text(f"-r deep{number + 1}.txt\n")
    assert "too often" in refused(root, known, "-r deep0.txt\n").what
    (root / "empty.txt").write_text("")
    assert "too often" in refused(root, known, "-r empty.txt\n" * 300).what


def test_formats_limit_what_is_used(root: Path, known: Lookup) -> None:
    line = f"A==1 {HASH} --hash=sha256:{OTHER}\n"
    [package] = read(root, known, f"--no-binary a,b\n{line}").packages
    assert (package.wheels, package.sdist is None) == ((), False)
    [package] = read(root, known, f"--only-binary=:all:\n{line}").packages
    assert (len(package.wheels), package.sdist) == (1, None)


def test_groups_and_extras_are_not_known_here(root: Path, known: Lookup) -> None:
    (root / "requirements.txt").write_text("")
    for choice in (Choice(root, groups=("dev",)), Choice(root, extras=("gpu",))):
        with pytest.raises(InputError, match="knows no dependency groups and no extras"):
            read_requirements(read_document(root / "requirements.txt"), choice, known)


def test_index_options_are_asked_and_are_not_forgotten_in_what_is_remembered(
    root: Path, lookup: Lookup
) -> None:
    """A different index is a different question: what one answered must not be taken for the other's word."""
    text = f"-i https://u:p@index.example/simple\n--extra-index-url https://index.example\nclick==8 {HASH}\n"
    error = None
    try:
        read(root, lookup, text)
    except Exception as caught:  # noqa: BLE001 - offline and unknown
        error = caught
    assert "not known" in str(error)
    from wherry.project.locks.pins import with_places  # noqa: PLC0415 - beside its use

    asked = with_places(lookup, ["--index-url https://u:p@index.example/simple"], ())
    [pin] = [Pin("click", _version("8"), (_digest(),), None, "").locked()]  # type: ignore[arg-type]
    key = _key(pin, asked)
    assert key != _key(pin, lookup)
    assert "u:p" not in key
    lookup.store.index.put("addresses", key, KnownFiles((KnownFile(SHA, "click-8-py3-none-any.whl", None),)))
    found = read(root, lookup, f"-i https://u:p@index.example/simple\nclick==8 {HASH}\n")
    assert found.packages[0].wheels[0].filename == "click-8-py3-none-any.whl"


def _version(text: str) -> object:
    from packaging.version import Version  # noqa: PLC0415 - beside its use

    return Version(text)


def _digest() -> object:
    from wherry.digest import Digest  # noqa: PLC0415 - beside its use

    return Digest.from_hex(SHA)


def test_directories_of_find_links_that_are_there_are_looked_in(root: Path, lookup: Lookup) -> None:
    (root / "wheels").mkdir()
    content = b"not read as a wheel here"
    (root / "wheels" / "click-8-py3-none-any.whl").write_bytes(content)
    (root / "wheels" / "click-8.zip").write_bytes(b"another")
    (root / "wheels" / "README").write_bytes(b"")
    import hashlib  # noqa: PLC0415 - beside its use

    digest = hashlib.sha256(content).hexdigest()
    text = f"-f ./wheels\n--find-links https://index.example/page\n-f gone\nclick==8 --hash=sha256:{digest}\n"
    [click] = read(root, lookup, text).packages
    assert click.wheels[0].path == root / "wheels/click-8-py3-none-any.whl"
    assert click.sdist is None


@given(st.text(max_size=200))
def test_logical_lines_never_hold_comments_or_line_ends(text: str) -> None:
    for number, line in logical_lines(text):
        assert number >= 1
        assert line == line.strip()
        assert not line.startswith("#")


def test_included_files_are_named_as_written() -> None:
    assert list(included_files('-r a.txt\n--constraint "b c.txt"\nclick\n-e .\n')) == ["a.txt", "b c.txt"]
