"""bash itself reads the same scripts: what is one, what its commands are, what its words become."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.dockerfile.shell.scripts import WORDS, Maker
from tests.programs import require_program
from wherry.dockerfile.shell import Command, Script, Word, read_script
from wherry.dockerfile.source import Joined

if TYPE_CHECKING:
    from pathlib import Path

BRANCHES = {"group", "if", "elif", "else"}  # bash writes elif as else with an if in it


def read(text: str) -> Script:
    data = text.encode("utf-8", "surrogateescape")
    return read_script(Joined(data, (0,), (0,)), ("/bin/bash", "-c"))


def bash(*arguments: str, text: str = "", directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require_program("bash"), "--norc", *arguments],
        input=text,
        cwd=directory,
        env={"PATH": "", "HOME": "/nowhere", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_bash_accepts_what_is_accepted_here(first: int) -> None:
    for seed in range(first, first + 20):
        text = Maker(seed).script()
        assert (bash("-n", text=text).returncode == 0) is not read(text).errors, text


BROKEN = [
    *(
        "a &&",
        "a | | b",
        "a && && b",
        "a || ; b",
        "( a",
        "a )",
        "{ a;",
        "a; }",
        "if a; then b",
        "fi",
        "then a",
    ),
    *(
        "'a",
        '"a',
        "$(a",
        "`a",
        "${a",
        "a >",
        "a > | b",
        "a <",
        "case x in a) b",
        "for i in a; b",
        "do a",
        "a (b)",
    ),
    *(
        "while a; done",
        "a; ;; b",
        "| a",
        "&& a",
        "a; && b",
        "f() }",
        "x=(a",
        "a <<",
        "( )",
        "{ }",
        "if; then b; fi",
    ),
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_bash_refuses_is_said_to_be_guessed(text: str) -> None:
    assert bash("-n", text=text).returncode != 0
    assert read(text).errors


def value(word: Word) -> str:
    """A word, but for what bash writes anew: substitutions, and the quotes of what needs none."""
    if word.is_literal:
        return word.value
    return "$(...)" if "$(" in word.raw else word.raw


def signature(command: Command, skipped: int) -> object:
    redirects = {(r.operator, r.target.raw) for r in command.redirects}
    return (
        [value(word) for word in command.words],
        [(name, value(word)) for name, word in command.assignments],
        redirects - {(">&", "1")},  # of |&, which bash writes as 2>&1 |
        [name for name in command.nesting[skipped:] if name not in BRANCHES],
        command.before.replace(";", "\n").replace("|&", "|"),
    )


@pytest.mark.parametrize("first", range(1000, 1200, 20))
def test_bash_sees_the_same_commands(first: int) -> None:
    """It writes a function down as it has understood it; read here, that is what was read before."""
    for seed in range(first, first + 20):
        text = Maker(seed).script().replace(";&", "; &")
        written = bash("-c", f"f() {{\n{text}\n}}\ndeclare -f f")
        assert written.returncode == 0, (text, written.stderr)
        ours = [signature(command, 0) for command in read(text).commands]
        theirs = [signature(command, 1) for command in read(written.stdout).commands]
        assert ours == theirs, text


@pytest.mark.parametrize("seed", range(20))
def test_bash_passes_on_what_a_literal_word_says(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 - to vary the cases
    parts = [
        *WORDS,
        "'a\\b'",
        '"a\\b"',
        '"\\$x"',
        "\\$x",
        "a\\'b",
        '"it\'s"',
        "=",
        "~",
        "a~",
        "$",
        "a$",
        '"$"',
    ]
    parts += [
        "[",
        "a[",
        "{",
        "a,b",
        "{a}",
        "$'\\x41\\101\\''",
        '$"x"',
        "\\\n",
        "'\n'",
        "#",
        "\\#",
        "^",
        '"`"'[:0],
    ]
    words = ["".join(choose.choices(parts, k=choose.randint(1, 4))) for _ in range(60)]
    for word in words:
        script = read(f"printf '%s\\0' {word}")
        if script.errors or len(script.commands) != 1 or script.commands[0].redirects:
            continue
        read_words = script.commands[0].words[2:]
        if not all(one.is_literal for one in read_words):
            continue
        said = bash("-f", "-c", f"printf '%s\\0' {word}", directory=tmp_path)
        assert said.returncode == 0, (word, said.stderr)
        assert said.stdout.split("\0")[:-1] == [one.value for one in read_words] or not read_words, word


@pytest.mark.parametrize(
    "word",
    [
        "$A",
        '"$A"',
        "${A}",
        "a*",
        "a?",
        "[ab]",
        "~",
        "~/x",
        "$(a)",
        "`a`",
        '"`a`"',
        "{a,b}",
        "{1..3}",
        '"${A:-x}"',
        "$1",
    ],
)
def test_a_word_that_a_shell_changes_is_not_literal(word: str) -> None:
    assert not read(f"a {word}").commands[0].words[1].is_literal
