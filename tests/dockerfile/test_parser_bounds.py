"""Hostile files end in a tree or in a refusal: soon, and in little memory."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.dockerfile.lines import MAX_JOINED_BYTES, MAX_LINES
from wherry.dockerfile.parser import MAX_WORDS, parse
from wherry.dockerfile.source import Source
from wherry.dockerfile.syntax import Dockerfile, DockerfileError

_MIB = 1 << 20
_JUNK = random.Random(1).randbytes(10_000_000)  # noqa: S311 - the same each time


def outcome(data: bytes) -> Dockerfile | DockerfileError:
    try:
        return parse(Source("Dockerfile", data))
    except DockerfileError as error:
        return error


def wide(text: bytes, repeated: bytes, end: bytes = b"") -> bytes:
    """*repeated* over and over, continued from line to line, a megabyte of it."""
    line = repeated * (60_000 // len(repeated)) + b"\\\n"
    return b"FROM x\n" + text + line * (_MIB // len(line) + 1) + end


@given(st.binary(max_size=400))
def test_junk_is_refused_or_read_and_nothing_else(data: bytes) -> None:
    outcome(data)
    outcome(b"FROM x\nRUN " + data)
    outcome(b"FROM x\nENV a=" + data)


@given(
    st.lists(
        st.sampled_from(
            [b"RUN", b"<<", b"${", b"}", b"x", b'"', b"'", b"\\", b"/", b"-", b":", b" ", b"#", b"%"]
        )
    )
)
def test_lines_with_heredocs_are_read_whatever_is_in_them(parts: list[bytes]) -> None:
    outcome(b"FROM x\nRUN <<" + b"".join(parts) + b"\nx\n")


def test_100_000_instructions_are_read() -> None:
    dockerfile = outcome(b"FROM x\n" + b"RUN a\n" * 100_000)
    assert isinstance(dockerfile, Dockerfile)
    assert len(dockerfile.instructions) == 100_001
    assert dockerfile.source.position(dockerfile.instructions[-1].span.start).line == 100_001


def test_50_megabytes_of_long_lines_are_read_in_little_more_memory() -> None:
    data = b"FROM x\n" + (b"RUN " + b"a " * 32_000 + b"\n") * 780
    tracemalloc.start()
    dockerfile = outcome(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(dockerfile, Dockerfile)
    assert peak < 3 * len(data)  # the text once as bytes and once as a string


@pytest.mark.parametrize(
    ("data", "what"),
    [
        pytest.param(b"\n" * 50_000_000, f"more than {MAX_LINES} lines", id="newlines"),
        pytest.param(b"#\n" * 25_000_000, f"more than {MAX_LINES} lines", id="comments"),
        pytest.param(b"\\\n" * 25_000_000, f"more than {MAX_LINES} lines", id="continuations"),
        pytest.param(b"FROM x\nRUN <<E\n" + b"\n" * 300_000, f"more than {MAX_LINES} lines", id="heredoc"),
        pytest.param(b"\0" * 50_000_000, "longer than the 65535 bytes", id="zeros"),
        pytest.param(b"FROM x\nRUN " + b"a" * 10_000_000, "longer than the 65535 bytes", id="one line"),
        pytest.param(_JUNK, "there is no instruction", id="binary"),
        pytest.param(
            b"FROM x\nRUN " + (b"a" * 60_000 + b"\\\n") * 100,
            f"longer than {MAX_JOINED_BYTES} bytes",
            id="joined",
        ),
        pytest.param(
            b"FROM x\n" + (b"ENV " + b"a=b " * 16_000 + b"\n") * 17, f"more than {MAX_WORDS}", id="pairs"
        ),
        pytest.param(wide(b"EXPOSE ", b"1 "), f"more than {MAX_WORDS}", id="ports"),
        pytest.param(wide(b"COPY [", b'"",', b'""]'), "", id="strings"),
        pytest.param(wide(b"COPY ", b"--x ", b"a b"), "takes no flag", id="flags"),
        pytest.param(wide(b"", b"ONBUILD ", b"RUN a"), "ONBUILD stands behind", id="triggers"),
        pytest.param(wide(b"RUN ", b'[{"a":', b"1"), "", id="nested JSON"),
        pytest.param(wide(b"RUN <<A ", b"${a:-"), "", id="nested substitutions"),
        pytest.param(wide(b"RUN <<A ", b'"${a:-'), "", id="nested quotes"),
        pytest.param(wide(b"RUN <<", b"a\\ ", b"\n"), "does not end", id="a name"),
        pytest.param(wide(b"RUN --mount=", b"a,", b" x"), "", id="fields"),
        pytest.param(wide(b"HEALTHCHECK --interval=", b"1s", b" CMD x"), "", id="interval"),
        pytest.param(wide(b"HEALTHCHECK --retries=", b"1", b" CMD x"), "is no count", id="retries"),
        pytest.param(wide(b"ENV a=", b"'\""), "", id="quotes"),
        pytest.param(wide(b"RUN ", b"\xe2\x80\x83", b"x"), "", id="blanks"),
    ],
)
def test_a_hostile_file_ends(data: bytes, what: str) -> None:
    found = outcome(data)
    assert what in (found.what if isinstance(found, DockerfileError) else "")


@pytest.mark.parametrize(
    ("text", "repeated", "end"),
    [
        (b"RUN <<A ", b'${a:-"', b""),
        (b"ENV a=", b"'\" \\ ", b""),
        (b"RUN --x='", b"\\'\"", b""),
        (b"CMD [", b'{"a":[],"\\n":"b"},', b""),
        (b"", b"ONBUILD --x ", b""),
        (b"RUN ", b" \t", b"x"),
        (b"LABEL a=", b"\\\\\\", b"x"),
    ],
)
def test_twice_the_text_takes_twice_the_steps(text: bytes, repeated: bytes, end: bytes) -> None:
    """Steps, not seconds: calls of Python functions and of the functions that they call."""

    def steps(count: int) -> int:
        taken = 0

        def count_step(_frame: object, event: str, _argument: object) -> None:
            nonlocal taken
            taken += event in {"call", "c_call"}

        data = b"FROM x\n" + text + (repeated * 100 + b"\\\n") * count + end
        sys.setprofile(count_step)
        try:
            outcome(data)
        finally:
            sys.setprofile(None)
        return taken

    once = steps(10)
    assert steps(20) <= 2 * once + 100


def test_the_parser_starts_without_what_is_slow_to_import() -> None:
    program = (
        "import sys; old = set(sys.modules); import wherry.dockerfile.parser; print(*set(sys.modules) - old)"
    )
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert not {"yaml", "rich", "tree_sitter", "json", "difflib", "click"} & set(modules)
