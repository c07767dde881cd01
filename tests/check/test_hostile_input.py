"""Files written in bad faith, or by no person: the command ends, within a gigabyte, and says it in words."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from wherry.check.facts import context
from wherry.check.facts.context_walk import Walk, walk_context
from wherry.check.review import Asked, review

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.dockerfile.ignore import IgnoreFile
    from wherry.progress import Progress

PATIENCE_S: Final = 300
MOST_BYTES: Final = 1 << 30
PLAIN: Final = b"FROM python:3.12-slim\nRUN pip install torch==2.4.1\nCOPY . /app\n"
PROGRAM: Final = f"""\
import resource, sys
resource.setrlimit(resource.RLIMIT_DATA, ({MOST_BYTES}, {MOST_BYTES}))
from wherry.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


class Ended(NamedTuple):
    code: int
    document: dict[str, Any]
    said: str

    @property
    def errors(self) -> list[str]:
        return [error["what"] for error in self.document["errors"]]

    def rules(self) -> set[str]:
        return {finding["rule"] for finding in self.document["findings"]}


def check(root: Path, *arguments: str) -> Ended:
    """The command in a process of its own that may take a gigabyte: it ends, and no rule fails."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM,
            "check",
            str(root),
            "--select",
            "all",
            "--format",
            "json",
            *arguments,
        ],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
        env={key: value for key, value in os.environ.items() if key != "WHERRY_DEBUG"},
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode in {0, 1, 2}, err[-2000:]
    document = json.loads(out) if out else {"errors": [], "findings": [], "notes": []}
    assert not [note for note in document["notes"] if "defect" in note]
    assert "Traceback" not in out + err
    assert "Error" not in err
    return Ended(done.returncode, document, out + err)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def put(root: Path, data: bytes, name: str = "Dockerfile") -> Path:
    (root / name).write_bytes(data)
    return root


def fifty_megabytes() -> bytes:
    line = b"RUN apt-get update && pip install torch==2.4.1 && echo " + b"x" * 145 + b"\n"
    return b"FROM python:3.12-slim\n" + line * ((50 << 20) // len(line))


LONG: Final[dict[str, Callable[[], bytes]]] = {
    "fifty-megabytes": fifty_megabytes,
    "one-line": lambda: b"FROM x\nRUN echo " + b"x" * (50 << 20),
    "continued-lines": lambda: b"FROM x\nRUN echo \\\n" + b"  a && \\\n" * 240_000 + b" true\n",
    "runs": lambda: b"FROM python:3.12\n" + b"RUN pip install torch && apt-get install -y gcc\n" * 100_000,
    "copies": lambda: b"FROM python:3.12\n" + b"COPY . /app\nRUN chown -R a /app\n" * 25_000,
    "variables": lambda: (
        b"FROM x\n" + b"".join(b"ENV A%d=$A%d$A%d\n" % (n, n - 1, n - 1) for n in range(100_000))
    ),
    "stages": lambda: b"".join(b"FROM s%d AS s%d\nRUN make\n" % (n - 1, n) for n in range(20_000)),
    "copied-from": lambda: b"".join(
        b"FROM x AS s%d\nCOPY --from=s%d / /\n" % (n, max(0, n - 1)) for n in range(20_000)
    ),
    "comments": lambda: (
        b"FROM x\n" + b"# wherry: ignore=G1\n# hadolint ignore=DL3042\nRUN pip install x\n" * 15_000
    ),
    "heredocs": lambda: b"FROM x\n" + b"RUN <<A <<B\npip install x\nA\ny\nB\n" * 10_000,
    "labels": lambda: b"FROM x\n" + b"LABEL " + b"a=b \\\n" * 200_000 + b"c=d\n",
}


@pytest.mark.parametrize("shape", LONG)
def test_a_long_file_is_judged_or_refused(root: Path, shape: str) -> None:
    put(root, LONG[shape]())

    ended = check(root)

    assert ended.errors or ended.rules() or ended.code == 0
    assert len(ended.said) < 50 << 20


@pytest.mark.parametrize("arguments", [["--fix"], ["--diff", "--unsafe-fixes"]])
def test_a_long_file_is_not_mended_for_hours(root: Path, arguments: list[str]) -> None:
    put(root, b"FROM python:3.12\n" + b"RUN pip install torch\nRUN apt-get install -y gcc\n" * 999)

    if arguments == ["--fix"]:
        assert check(root, *arguments).document["findings"] is not None
    else:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "check", str(root), *arguments],
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode in {0, 1}


DEEP: Final = {
    "substitutions": b"RUN echo " + b"$(echo " * 5000 + b")" * 5000,
    "unclosed": b"RUN " + b"( { if true; then while true; do [[ `" * 1500,
    "subshells": b"RUN " + b"(" * 30_000 + b"true" + b")" * 30_000,
    "quotes": b"RUN echo " + b"\"$(echo '" * 5000,
    "arithmetic": b"RUN echo $((" + b"(" * 30_000,
    "braces": b"RUN echo " + b"{a," * 20_000 + b"}" * 20_000,
    "defaults": b"ENV A=" + b"${A:-" * 12_000 + b"x" + b"}" * 12_000,
    "copy-defaults": b"COPY " + b"${A:-" * 10_000 + b"}" * 10_000 + b" /",
    "json": b"RUN " + b"[" * 60_000,
    "json-strings": b'RUN ["' + b"\\\\" * 30_000 + b'"]',
    "onbuild": b"ONBUILD " * 8000 + b"RUN x",
    "shells": b"RUN " + b"sh -c \"bash -c '" * 3000,
    "wrappers": b"RUN " + b"sudo env A=1 time nice " * 2500 + b"pip install x",
    "pipes": b"RUN " + b"a | " * 16_000 + b"b",
    "and": b"RUN " + b"pip install a && " * 3800 + b"true",
    "wildcards": b"COPY " + b"*?[a-z]" * 9000 + b" /",
    "stars": b"COPY " + b"**/" * 20_000 + b"x /",
    "mounts": b"RUN " + b"--mount=type=cache,target=/a " * 2200 + b"pip install x",
    "packages": b"RUN pip install " + b"a==1 " * 13_000,
}


@pytest.mark.parametrize("shape", DEEP)
def test_what_nests_deep_ends(root: Path, shape: str) -> None:
    put(root, b"FROM python:3.12-slim\n" + DEEP[shape] + b"\nRUN pip install torch==2.4.1\n")

    check(root, "--unsafe-fixes")


BINARY: Final = {
    "noise": random.Random(1).randbytes(2_000_000),  # noqa: S311 - the same each time
    "program": b"\x7fELF" + bytes(100_000),
    "zeros": bytes(1_000_000),
    "utf-16": PLAIN.decode().encode("utf-16"),
    "latin": b"FROM x\n# \xe9\xff\nRUN echo \xe9\xff\n",
    "returns": PLAIN.replace(b"\n", b"\r"),
    "escapes": b"FROM x\nRUN \x1b[2J\x1b]0;x\x07\nRUNN \x1b[2J\n",
}


@pytest.mark.parametrize("shape", BINARY)
def test_what_is_no_text_is_refused_or_judged_and_moves_no_cursor(root: Path, shape: str) -> None:
    put(root, BINARY[shape])
    ended = check(root)
    shown = subprocess.run(
        [sys.executable, "-m", "wherry", "check", str(root)], capture_output=True, check=False
    )

    assert ended.code in {0, 1, 2}
    assert not {0x1B, 0x07, 0x00} & set(shown.stdout + shown.stderr)


def test_links_that_go_round_in_the_context_end(root: Path) -> None:
    put(root, PLAIN)
    (root / "a").mkdir()
    (root / "a/up").symlink_to("..")
    (root / "a/self").symlink_to("self")
    (root / "b").symlink_to("a/up/b")
    (root / "requirements.txt").symlink_to("requirements.txt")
    (root / ".dockerignore").symlink_to("a/up/.dockerignore")
    (root / "compose.yaml").symlink_to("/dev/zero")
    os.mkfifo(root / "uv.lock")

    assert "G1" in check(root / "Dockerfile").rules()
    assert check(root, "--unsafe-fixes").code in {0, 1}


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A directory that is quick to fill."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    (folder / ".git").mkdir()
    yield folder
    shutil.rmtree(folder)


def test_a_context_of_a_hundred_thousand_files_is_walked(in_memory: Path) -> None:
    put(in_memory, PLAIN)
    for number in range(100):
        folder = in_memory / f"data{number}"
        folder.mkdir()
        for name in range(1000):
            os.mknod(folder / f"{name}.json")

    ended = check(in_memory)

    assert "G1" in ended.rules()
    assert not [note for note in ended.document["notes"] if "too large a build context" in note]


def test_where_a_context_is_not_read_whole_it_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk_a_little(
        root: Path, ignore: IgnoreFile | None, progress: Progress, *, max_entries: int, max_seconds: float
    ) -> Walk:
        return walk_context(root, ignore, progress, max_entries=min(50, max_entries), max_seconds=max_seconds)

    monkeypatch.setattr(context, "walk_context", walk_a_little)
    put(root, PLAIN)
    for name in range(100):
        (root / f"{name}.json").touch()

    reviewed = review(Asked((root,)))

    (note,) = [note for note in reviewed.notes if "too large a build context" in note]
    assert note.startswith(f"{root} ")


BESIDE: Final[dict[str, tuple[str, Callable[[], bytes]]]] = {
    "laughs": (
        "compose.yaml",
        lambda: (
            b"a0: &a0 [x, x]\n"
            + b"".join(
                b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 40)
            )
            + b"services: {app: {build: ., environment: *a39}}\n"
        ),
    ),
    "merges": (
        "docker-compose.yml",
        lambda: (
            b"x0: &x0 {a: 1}\n"
            + b"".join(
                b"x%d: &x%d {<<: [*x%d, *x%d], k%d: 1}\n" % (n, n, n - 1, n - 1, n) for n in range(1, 60)
            )
            + b"services: {app: {build: ., <<: *x59}}\n"
        ),
    ),
    "itself": ("compose.yaml", lambda: b"services: &s {app: {build: ., deploy: *s}}\n"),
    "deep": ("compose.yaml", lambda: b"services: " + b"[" * 200_000),
    "deep-map": ("deploy.yaml", lambda: b"kind: Pod\nspec: " + b"{a: " * 100_000),
    "indented": ("compose.yaml", lambda: b"".join(b" " * n + b"a:\n" for n in range(2500))),
    "documents": ("deploy.yaml", lambda: b"kind: Pod\n---\n" * 200_000),
    "lock": (
        "uv.lock",
        lambda: (
            b"version = 1\n"
            + b"".join(b'[[package]]\nname = "p%d"\nversion = "1"\n\n' % n for n in range(300_000))
        ),
    ),
    "long-lock": ("poetry.lock", lambda: b"x" * (100 << 20)),
    "deep-toml": ("pyproject.toml", lambda: b"a = " + b"[" * 100_000),
    "dotted-toml": ("pyproject.toml", lambda: b"[" + b"a." * 50_000 + b"a]\n"),
    "deep-json": ("Pipfile.lock", lambda: b'{"a":' * 100_000),
    "requirements": ("requirements.txt", lambda: b"torch==2.4.1\n" * 300_000),
    "includes": ("requirements.txt", lambda: b"-r requirements.txt\n-r ./requirements.txt\n" * 1000),
    "continued": ("requirements.txt", lambda: b"a \\\n" * 500_000),
    "ignore": (".dockerignore", lambda: b"".join(b"**/a%d*/**/b?\n" % n for n in range(20_000))),
    "ignore-stars": (".dockerignore", lambda: b"**/*a*" * 5000 + b"\n"),
    "workflow": (
        ".github/workflows/a.yaml",
        lambda: b"jobs:\n" + b"  a: {steps: [{run: docker build .}]}\n" * 90_000,
    ),
    "code": ("main.py", lambda: b"x = " + b"(" * 100_000),
    "code-sums": ("main.py", lambda: b"x = 1" + b" + 1" * 90_000),
    "code-blocks": ("main.py", lambda: b"".join(b" " * n + b"if x:\n" for n in range(3000))),
}


@pytest.mark.parametrize("shape", BESIDE)
def test_a_neighbour_in_bad_faith_keeps_nothing_from_being_judged(root: Path, shape: str) -> None:
    name, make = BESIDE[shape]
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    put(root, PLAIN + b'RUN pip install -r requirements.txt\nCMD ["python", "main.py"]\n')
    put(root, make(), name)

    ended = check(root)

    assert "G1" in ended.rules() or (name == "pyproject.toml" and ended.code == 2)
