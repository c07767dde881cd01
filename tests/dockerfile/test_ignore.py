"""``.dockerignore`` means here what it means to ``docker build``."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.dockerfile.ignore import IgnoreFile, clean
from wherry.dockerfile.pattern import PatternError
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


def leaves_out(lines: str, path: str) -> bool:
    return IgnoreFile.parse(lines).matches(path)


# One pattern, one path: whether the pattern matches the path itself, one of its parents, or nothing.
ITSELF, PARENT, NOTHING = "itself", "parent", "nothing"


@pytest.mark.parametrize(
    ("pattern", "path", "matched"),
    [
        ("**", "file", ITSELF),
        ("**/", "file", ITSELF),
        ("**", "dir/file", ITSELF),
        ("**/**", "dir/file", ITSELF),
        ("dir/**", "dir/file", ITSELF),
        ("dir/**", "dir/deep/file", ITSELF),
        ("dir/**", "dir", NOTHING),
        ("dir/**", "directory", NOTHING),
        ("dir**", "directory/file", ITSELF),
        ("**/dir", "dir", ITSELF),
        ("**/dir", "a/b/dir", ITSELF),
        ("**/dir", "dir/file", PARENT),
        ("**/dir", "my.dir", NOTHING),
        ("**/.foo", "bar.foo", NOTHING),
        ("**file", "dir/myfile", ITSELF),
        ("**/dir/*", "a/dir/file", ITSELF),
        ("**/dir/*", "a/dir/b/file", PARENT),
        ("**/dir/**", "a/dir/b/file", ITSELF),
        ("**/dir/**", "a/dir", NOTHING),
        ("**/**/*.txt", "a/b/c.txt", ITSELF),
        ("**/*.txt", "c.txt", ITSELF),
        ("**/*.txt", "c.txt2", NOTHING),
        ("a**/*.txt", "a/c.txt", ITSELF),
        ("a**/*.txt", "abc/c.txt", ITSELF),
        ("a**/*.txt", "a/b/c.txt", ITSELF),
        ("a/*.txt", "a/b/c.txt", NOTHING),
        ("a/*.txt**", "a/c.txt.gz", ITSELF),
        ("***", "a/b", ITSELF),
        ("a/**/b", "a/b", ITSELF),
        ("a/**/b", "a/x/y/b", ITSELF),
        ("a/**/b", "a/xb", NOTHING),
        ("a[b-d]e", "ace", ITSELF),
        ("a[b-d]e", "aae", NOTHING),
        ("a[^b-d]e", "aze", ITSELF),
        ("a[!b]e", "a!e", ITSELF),  # Moby writes the class into a Go expression: "!" is no negation there
        ("a[!b]e", "aze", NOTHING),
        ("a[^x]e", "a/e", ITSELF),  # and a negated class takes a slash
        ("[[:digit:]]x", "1]x", NOTHING),
        ("[[:digit:]_]x", "7x", ITSELF),
        (r"[\d_]x", "7x", ITSELF),
        (r"[x\-]", "-", ITSELF),
        (r"[\]a]", "]", ITSELF),
        ("[a-ζ]*", "α", ITSELF),  # noqa: RUF001 - a Greek letter is the point
        (".*", ".foo", ITSELF),
        (".*", "foo", NOTHING),
        ("abc.def", "abcZdef", NOTHING),
        ("abc?def", "abcZdef", ITSELF),
        ("abc?def", "abc/def", NOTHING),
        ("a(b)c|d{e}+$^", "a(b)c|d{e}+$^", ITSELF),
        ("a(b)c*", "a(b)cd", ITSELF),
        ("a^*", "a^b", NOTHING),  # unescaped by Moby: an anchor that cannot hold
        (r"a\*b", "a*b", ITSELF),
        (r"a\*b", "axb", NOTHING),
        (r"a\\", "a\\", ITSELF),
        (r"a\d", "a7", ITSELF),
        (r"a\D", "ab", ITSELF),
        (r"a\w\b", "ab", ITSELF),
        (r"a\t", "a\t", ITSELF),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", ITSELF),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", NOTHING),
        ("a*b?c*x", "abxbbxdbxebxczzx", ITSELF),
        ("a*b?c*x", "abxbbxdbxebxczzy", NOTHING),
        ("*[^z]*b", "aab", ITSELF),
        ("*x", "xxx", ITSELF),
        ("a*/[]x]", "ab/]", ITSELF),  # behind a star that found nothing, Docker does not check brackets
        ("a*/[x-]", "ab/-", ITSELF),
        ("*b", "b", ITSELF),
        ("?*b", "ab", ITSELF),
        ("a*b\\", "ab$c", ITSELF),  # the backslash quotes the end of Moby's expression
        ("dist/*.whl", "dist/proxy-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", ITSELF),
        ("docs/", "docs/a.md", PARENT),
        ("/docs", "docs/a.md", PARENT),
        ("./docs", "docs", ITSELF),
        ("a/../docs", "docs", ITSELF),
        ("//docs", "docs", ITSELF),
        ("../docs", "docs", NOTHING),
        (".", "docs", NOTHING),
        ("/", "docs", NOTHING),
    ],
)
def test_a_pattern_matches_what_it_matches_in_docker(pattern: str, path: str, matched: str) -> None:
    (found,) = IgnoreFile.parse(pattern).patterns
    assert found.matches_exactly(path) == (matched == ITSELF)
    assert leaves_out(pattern, path) == (matched != NOTHING)


@pytest.mark.parametrize(
    ("lines", "path", "is_out"),
    [
        ("docs\n!docs/README.md", "docs/README.md", False),
        ("docs/*\n!docs/README.md", "docs/README.md", False),
        ("docs\n!docs/README.md", "docs/other.md", True),
        ("!a.go\n*.go", "a.go", True),
        ("*.go\n!a.go", "a.go", False),
        ("**\n!util/docker/web", "util/docker/web/foo", False),
        ("**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", True),
        ("*\n!src\nsrc/**/*.log", "src/a/b.log", True),
        ("*\n!src\nsrc/**/*.log", "src/a/b.py", False),
        ("# comment\n#*\n\n  \nfoo", "bar", False),
        (" # not a comment", "# not a comment", True),
        ("  foo  ", "foo", True),
        ("\ufefffoo", "foo", True),
        ("foo\r\nbar\r\n", "foo", True),
        ("foo\r\nbar\r\n", "bar", True),
        ("*\n! foo ", "foo", False),
        ("*\n!/foo", "foo", False),
        ("*\n./!foo", "foo", False),  # cleaned to "!foo" before it is read again
        ("", "foo", False),
    ],
)
def test_the_last_pattern_that_speaks_decides(lines: str, path: str, is_out: bool) -> None:  # noqa: FBT001 - a column of the table
    assert leaves_out(lines, path) == is_out


def test_a_directory_left_out_hides_its_contents_from_later_lines_as_in_both_of_dockers_builders() -> None:
    assert not leaves_out("a\n!a/b/c\na/b", "a/b/c")
    assert leaves_out("a/b\n!a", "a/b")


@pytest.mark.parametrize(
    "pattern",
    [
        "[",
        "a[",
        "[^",
        "[^bc",
        "[]a]",
        "[-]",
        "[x-]",
        "[-x]",
        "[a-b-c]",
        "a\\",
        "[a\\",
        "!",
        "!/",
        "[z-a]",
        r"\q",
        r"\é",
        "[[:x",
    ],
)
def test_a_pattern_that_docker_refuses_is_an_error_with_its_line(pattern: str) -> None:
    with pytest.raises(InputError) as caught:
        IgnoreFile.parse(f"fine\n\n{pattern}\n", "some/.dockerignore")
    assert caught.value.where == "some/.dockerignore:3"


def test_a_pattern_longer_than_any_path_is_refused() -> None:
    with pytest.raises(InputError, match="longer"):
        IgnoreFile.parse("a" * 5000)


def test_patterns_from_elsewhere_have_no_comments_and_no_exclamation_marks() -> None:
    given_patterns = IgnoreFile.of_patterns(["#a", "!b", "src/"])
    assert given_patterns.matches("#a")
    assert given_patterns.matches("!b")
    assert given_patterns.matches("src/x")
    with pytest.raises(PatternError):
        IgnoreFile.of_patterns(["["])


@pytest.mark.parametrize(
    ("lines", "directory", "can_prune"),
    [
        ("node_modules", "node_modules", True),
        ("node_modules", "src", False),
        ("*\n!src", "node_modules", True),
        ("*\n!src/app", "src", False),
        ("*\n!*.md", "docs", True),
        ("*\n!*/keep.txt", "docs", False),
        ("*\n!**/keep.txt", "docs", False),
        ("*\n!src/*/keep.txt", "src/big", False),
        ("*\n!src/*/keep.txt", "docs/big", True),
        ("*\n![ab]/c", "a", False),
    ],
)
def test_a_directory_is_pruned_only_where_nothing_inside_can_come_back(
    lines: str,
    directory: str,
    can_prune: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert IgnoreFile.parse(lines).can_prune(directory) == can_prune


def test_a_path_of_two_thousand_directories_is_judged() -> None:
    assert leaves_out("**/x", "d/" * 2000 + "x")


def test_a_pattern_of_many_stars_is_judged_at_once() -> None:
    assert not leaves_out("*a" * 40 + "b", "a" * 4000)
    assert not leaves_out("**/" * 40 + "b", "a/" * 1000 + "c")


# ---- The rules of the documentation, said once more and slowly: the fast reading must agree.


def _slow_glob(pattern: str, path: str) -> bool:
    """``*`` and ``?`` within a part, ``**/`` for any number of parts, ``**`` at the end for anything."""
    if not pattern:
        return not path
    if pattern == "**":
        return True
    if pattern.startswith("**/"):
        rest = pattern[3:]
        starts = [0, *(index + 1 for index, letter in enumerate(path) if letter == "/")]
        return any(_slow_glob(rest, path[start:]) for start in starts)
    if pattern[0] == "*":
        return _slow_glob(pattern[1:], path) or (
            bool(path) and path[0] != "/" and _slow_glob(pattern, path[1:])
        )
    if not path or path[0] == "/" != pattern[0]:
        return False
    return pattern[0] in {"?", path[0]} and _slow_glob(pattern[1:], path[1:])


def _slow_verdict(lines: list[str], path: str) -> bool:
    """Walk down to the path; at each step every line in order, remembering what held above."""
    held = [False] * len(lines)
    left_out = False
    for prefix in _prefixes(path):
        left_out = False
        now: list[bool] = []
        for line, held_above in zip(lines, held, strict=True):
            takes_back = line.startswith("!")
            holds = held_above or (
                takes_back == left_out and _slow_glob(posixpath.normpath(line.lstrip("!")), prefix)
            )
            left_out = (not takes_back) if holds else left_out
            now.append(holds)
        held = now
    return left_out


def _prefixes(path: str) -> Iterator[str]:
    parts = path.split("/")
    yield from ("/".join(parts[: end + 1]) for end in range(len(parts)))


_part = st.sampled_from(["a", "b", "ab", "a.b", "c"])
_path = st.lists(_part, min_size=1, max_size=4).map("/".join)
_glob_part = st.sampled_from(["a", "b", "ab", "*", "?", "a*", "*b", "**", "a?b", "*.b"])
_pattern = st.tuples(
    st.sampled_from(["", "", "!"]), st.lists(_glob_part, min_size=1, max_size=4).map("/".join)
).map("".join)


@settings(max_examples=600)
@given(lines=st.lists(_pattern, max_size=6), path=_path)
def test_matching_agrees_with_the_documented_rules_done_slowly(lines: list[str], path: str) -> None:
    assert leaves_out("\n".join(lines), path) == _slow_verdict(lines, path)


@settings(max_examples=300)
@given(lines=st.lists(_pattern, max_size=5), directory=_path, below=_path)
def test_nothing_below_a_pruned_directory_would_have_been_kept(
    lines: list[str], directory: str, below: str
) -> None:
    ignore = IgnoreFile.parse("\n".join(lines))
    if ignore.can_prune(directory):
        assert ignore.matches(f"{directory}/{below}")


@settings(max_examples=300)
@given(st.text(alphabet="ab*?[]^-\\/!#. \t{}()|+$:dwé", max_size=12), _path)
def test_any_line_is_a_pattern_or_a_clear_error(line: str, path: str) -> None:
    try:
        ignore = IgnoreFile.parse(line)
    except InputError as error:
        assert error.where == ".dockerignore:1"  # noqa: PT017 - either outcome is right
    else:
        assert ignore.matches(path) in {True, False}


@given(st.text(alphabet="a./", max_size=10))
def test_cleaning_a_path_twice_is_cleaning_it_once(path: str) -> None:
    assert clean(clean(path)) == clean(path)
    assert not clean(path).startswith("//")
