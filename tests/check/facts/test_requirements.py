"""Requirements files by pip's grammar, every entry with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.facts.trees import plant, source_of
from wherry.check.facts.requirement import Requirement, normalised, read_requirement, shown
from wherry.check.facts.requirements import RequirementFile, parse_requirements, read_requirements
from wherry.check.facts.texts import Reader
from wherry.dockerfile.source import join

COMMIT = "0123456789012345678901234567890123456789"


def parsed(text: str | bytes) -> RequirementFile:
    return parse_requirements(Path("requirements.txt"), source_of(text, "requirements.txt"))


def only(text: str) -> Requirement:
    (entry,) = parsed(text).entries
    return entry


@pytest.mark.parametrize(
    ("line", "name", "specifier", "extras", "marker"),
    [
        ("torch==2.6.0", "torch", "==2.6.0", (), ""),
        ("Flask[async, dotenv] >= 2, < 3", "flask", ">=2,<3", ("async", "dotenv"), ""),
        ("numpy==1.26.* ; python_version < '3.12'", "numpy", "==1.26.*", (), "python_version < '3.12'"),
        ("ruamel_yaml", "ruamel-yaml", "", (), ""),
        ("pkg(>=1.0)", "pkg", ">=1.0", (), ""),
        ("torch==2.1.0+cu121  # the one that works", "torch", "==2.1.0+cu121", (), ""),
        ("a~=1.0,!=1.1", "a", "~=1.0,!=1.1", (), ""),
    ],
)
def test_a_line_is_read_by_its_parts(
    line: str, name: str, specifier: str, extras: tuple[str, ...], marker: str
) -> None:
    entry = only(line)
    assert (entry.name, entry.specifier, entry.extras, entry.marker) == (name, specifier, extras, marker)


@pytest.mark.parametrize(
    ("line", "name", "is_pinned"),
    [
        ("a==1.0", "a", True),
        ("a===1.0", "a", True),
        ("a==1.*", "a", False),
        ("a>=1", "a", False),
        ("a==1,<2", "a", False),
        ("git+https://github.com/x/y.git@main#egg=y", "y", False),
        ("y @ git+https://github.com/x/y", "y", False),
        (f"y @ git+ssh://git@github.com/x/y@{COMMIT}", "y", True),
        ("https://host/flash_attn-2.5.0-cp310-cp310-linux_x86_64.whl", "flash-attn", True),
        ("./local/pkg", "", True),
        ("./pkg.whl", "", True),
    ],
)
def test_what_is_pinned_installs_the_same_next_month(line: str, name: str, *, is_pinned: bool) -> None:
    entry = only(line)
    assert (entry.name, entry.is_pinned) == (name, is_pinned)


def test_the_pin_is_the_version() -> None:
    assert only("torch==2.6.0+cpu").pinned == "2.6.0+cpu"
    assert only("torch>=2.6").pinned is None


def test_git_references_are_told_apart() -> None:
    entry = only("git+https://github.com/x/y.git@v1.2#egg=Some_Name&subdirectory=a")
    assert entry.git is not None
    assert (entry.git.url, entry.git.ref, entry.git.is_commit) == (
        "https://github.com/x/y.git",
        "v1.2",
        False,
    )
    assert entry.name == "some-name"
    ssh = only("git+ssh://git@github.com/x/y.git")
    assert ssh.git is not None
    assert ssh.git.ref == ""


def test_an_editable_line_is_one() -> None:
    entry = only("-e ./pkg[dev]")
    assert (entry.is_editable, entry.path, entry.extras) == (True, "./pkg[dev]", ("dev",))
    assert only("--editable=git+https://h/x#egg=x").is_editable


def test_a_continued_line_is_one_entry_and_its_place_is_where_it_begins() -> None:
    file = parsed("# head\r\nrequests==2.31.0 \\\r\n    --hash=sha256:aa \\\r\n    --hash=sha256:bb\r\n")
    (entry,) = file.entries
    assert entry.hashes == ("sha256:aa", "sha256:bb")
    assert (entry.place.start.line, entry.place.start.column) == (2, 1)
    assert file.source.text(entry.text.span) == "requests==2.31.0"
    assert file.has_hashes


def test_hashes_may_stand_in_the_address() -> None:
    digest = "a" * 64
    assert only(f"https://h/a-1-py3-none-any.whl#sha256={digest}").hashes == (f"sha256:{digest}",)


def test_the_name_is_the_name_alone() -> None:
    file = parsed("  torch [x] >= 2")
    assert file.source.text(file.entries[0].name_span) == "torch"


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("-i https://h/simple", "--index-url", "https://h/simple"),
        ("--index-url=https://h/simple", "--index-url", "https://h/simple"),
        ("--extra-index-url https://h/simple  # comment", "--extra-index-url", "https://h/simple"),
        ("-f https://h/whl", "--find-links", "https://h/whl"),
        ("--trusted-host h", "--trusted-host", "h"),
        ("--require-hashes", "--require-hashes", ""),
        ("--pre", "--pre", ""),
        ("-rbase.txt", "--requirement", "base.txt"),
        ("-c constraints.txt", "--constraint", "constraints.txt"),
    ],
)
def test_options_are_known_by_their_long_names(line: str, name: str, value: str) -> None:
    (option,) = parsed(f"{line}\n").options
    assert (option.name, option.value.value) == (name, value)
    assert parsed(line).option(name)


def test_a_password_is_never_kept_whole() -> None:
    file = parsed("--extra-index-url https://bob:s3cretpassword@host/simple\n")
    (option,) = file.options
    assert option.credentials is not None
    assert option.credentials.shown == "s3cr... (14 characters)"
    assert file.source.text(option.credentials.span) == "s3cretpassword"
    assert option.credentials.place.start.line == 1
    assert "s3cretpassword" not in f"{option.value}{option.text}{file.extra_index_urls}"


def test_a_token_in_a_requirement_is_never_kept_whole() -> None:
    token = "ghp_" + "a1" * 18
    entry = only(f"git+https://{token}@github.com/x/y#egg=y")
    assert entry.credentials is not None
    assert token not in f"{entry.text}{entry.url}{entry.git}"
    assert "****" in entry.url


@pytest.mark.parametrize(
    "address",
    [
        "https://${USER}:${TOKEN}@h/x",
        "ssh://git@github.com/x",
        "https://user:<token>@h/x",
        "https://__token__@h",
    ],
)
def test_variables_and_user_names_are_no_passwords(address: str) -> None:
    (option,) = parsed(f"--index-url {address}").options
    assert option.credentials is None
    assert option.value.value == address


def test_what_may_be_printed_of_a_secret_is_little() -> None:
    assert shown("short") == "... (5 characters)"
    assert shown("hf_abcdefghijkl") == "hf_a... (15 characters)"


def test_included_files_are_read_once_and_loops_end(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "requirements.txt": "-r sub/base.txt\n-c bounds.txt\n-r missing.txt\na\n-r https://h/x.txt\n",
            "sub/base.txt": "-r ../requirements.txt\n--index-url https://h/simple\nb==1 --hash=sha256:aa\n",
            "bounds.txt": "a==1\n",
        },
    )
    file = read_requirements(tmp_path / "requirements.txt", Reader())
    assert file is not None
    assert [entry.name for entry in file.all_entries] == ["a", "b"]
    assert [entry.name for entry in file.all_constraints] == ["a"]
    assert file.index_urls == ["https://h/simple"]
    assert [text.value for text in file.missing] == ["missing.txt"]
    assert not file.has_hashes
    assert file.name == str(tmp_path / "requirements.txt")


def test_what_is_no_requirement_is_told_and_the_rest_is_read() -> None:
    file = parsed("not a requirement\na==1\n==2\n-\n" + "x" * 5000 + "\n")
    assert [entry.name for entry in file.entries] == ["a"]
    assert [text.value[:10] for text in file.unread] == ["not a requ"[:10], "==2", "-", "xxxxxxxxxx"]


def test_comments_follow_pips_rule() -> None:
    file = parsed("a \\\n# ends here\nb # not \\\nc\n  # indented\nd#e\nf\\")
    assert [entry.name for entry in file.entries] == ["a", "b", "f"]
    assert [text.value for text in file.unread] == ["d#e"]


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    assert only("\ufefftorch").name == "torch"


def test_another_encoding_is_noted(tmp_path: Path) -> None:
    plant(tmp_path, {"requirements.txt": "torch\n".encode("utf-16")})
    reader = Reader()
    assert read_requirements(tmp_path / "requirements.txt", reader) is None
    assert "UTF-16" in reader.notes[0].what
    assert read_requirements(tmp_path / "none.txt", reader) is None
    assert len(reader.notes) == 1


def test_letters_beyond_ascii_do_not_move_places() -> None:
    file = parsed("# été\ntorch==1\n")
    assert file.source.text(file.entries[0].text.span) == "torch==1"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_and_every_place_is_in_the_file(data: bytes) -> None:
    file = parsed(data)
    for place in [*(entry.text.span for entry in file.entries), *(text.span for text in file.unread)]:
        assert 0 <= place.start <= place.end <= len(data)


@given(st.text(alphabet="ab-_.[]=<>~! ;@:/#\\,()*'\"", max_size=60))
def test_any_line_is_a_requirement_or_none(text: str) -> None:
    data = text.encode()
    entry = read_requirement(join(data, [(0, len(data))]), source_of(data))
    assert entry is None or entry.name == normalised(entry.name)


def test_a_hostile_line_takes_no_time() -> None:
    file = parsed("a" * 4000 + "!\n" + "-" * 4000 + "\n" + "a[" * 2000 + "\n" + "a@" * 2000 + "\n")
    assert len(file.entries) <= 1
