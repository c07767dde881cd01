"""BuildKit itself expands the same words, in labels of an image from nothing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.dockerfile.buildkit import build
from wherry.dockerfile.words import WordError, expand

if TYPE_CHECKING:
    from pathlib import Path

ENV = {"A": "hello", "EMPTY": "", "B_1": "/opt/x:y", "SPACED": "a  b", "DOLLAR": "$A", "QUOTE": "it's"}
SET = "\n".join(f"ENV {name}='{value}'" for name, value in ENV.items() if "'" not in value)
HEADER = f'FROM scratch\n{SET}\nENV QUOTE="it\'s"\n'
ATOMS = [
    *("a", "/", "é", "=", "#", "%", ":", "~", "*", "`", "1", "-", "}", "{"),
    *("$A", "$EMPTY", "$NONE", "$B_1", "$SPACED", "$DOLLAR", "$QUOTE", "$A_", "$1a", "$12", "$@", "$#"),
    *(
        "${A}",
        "${EMPTY}",
        "${NONE}",
        "${SPACED}b",
        "${1}",
        "$",
        "$/",
        "$é",
        "\\$A",
        "\\\\",
        "\\a",
        "\\'",
        '\\"',
    ),
    *(
        "'b c'",
        "'$A'",
        "'\"'",
        "''",
        '"b c"',
        '"$A"',
        '"\\$A"',
        '"\\a"',
        '"\\\\"',
        '"it\'s"',
        '""',
        '"${NONE}"',
    ),
    *("${A:-x}", "${EMPTY:-x}", "${EMPTY:-}", "${NONE:-$A}", "${NONE:-'q r'}", '${NONE:-"$SPACED"}'),
    *("${A:+x}", "${EMPTY:+x}", "${NONE:+x}", "${A:+\\}}", "${NONE:-${NONE:-${A}}}", "${A:?no}", '"${A:?}"'),
]
REFUSED = [
    "${A",
    "${",
    "${}",
    "${:-x}",
    "${{A}}",
    "${A!x}",
    "${A:*x}",
    "${NONE:?gone}",
    "${EMPTY:?gone}",
    "${A:-x",
    "${NONE:-'x}",
    "${A:",
    "${#A}",
    "${ A}",
]


@pytest.fixture
def words() -> list[str]:
    choose = random.Random(4)  # noqa: S311 - to vary the cases
    made = [*ATOMS, *("".join(choose.choices(ATOMS, k=choose.randint(2, 5))) for _ in range(500))]
    return [word for word in made if not word.endswith("\\")]


def expanded(word: str) -> str | None:
    try:
        return expand(word, ENV).value
    except WordError:
        return None


def test_buildkit_expands_every_word_to_the_same_text(
    docker_host: str, tmp_path: Path, words: list[str]
) -> None:
    ours = {f"w{number}": expanded(word) for number, word in enumerate(words)}
    lines = [f"LABEL w{number}={word}" for number, word in enumerate(words) if ours[f"w{number}"] is not None]
    config = build(docker_host, tmp_path, HEADER + "\n".join(lines) + "\n", {})
    assert isinstance(config, dict), config
    theirs = config["Labels"]
    differing = {
        words[int(name[1:])]: (value, ours[name]) for name, value in theirs.items() if value != ours[name]
    }
    assert differing == {}
    assert len(theirs) == len(lines) > 400


def test_what_is_refused_here_buildkit_refuses(docker_host: str, tmp_path: Path, words: list[str]) -> None:
    refused = [*REFUSED, *[word for word in words if expanded(word) is None][:6]]
    for word in refused:
        assert expanded(word) is None
        said = build(docker_host, tmp_path, f"{HEADER}LABEL w={word}\n", {})
        assert isinstance(said, str), (word, said)
