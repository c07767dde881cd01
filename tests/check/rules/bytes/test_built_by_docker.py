"""Docker builds a Dockerfile before and after its fix: the same files of the same owners, in fewer bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.bytes.built import BASE, Built, Docker
from tests.check.rules.bytes.cases import verdicts
from wherry.check.fix import edited

if TYPE_CHECKING:
    from pathlib import Path

LARGE = "x" * 2_000_000
FILES = {
    "models/a.bin": LARGE,
    "models/deep/b.bin": "b",
    "tests/big.txt": LARGE,
    "main.sh": "true",
    "wheel.whl": LARGE,
}
CASES = {
    "owner": (
        "G4",
        "WORKDIR /srv\nCOPY models/ models/\nCOPY main.sh ./\nRUN chown -R 7:8 /srv",
        set(),
    ),
    "mode and owner, and directories on the way": (
        "G4",
        "WORKDIR /srv\nCOPY models/ a/b/\nRUN chmod -R 750 /srv && chown -R 7 /srv",
        set(),
    ),
    "a mode that directories have": ("G4", "COPY models/ /srv/a/\nRUN chmod -R 0755 /srv", set()),
    "a file that is downloaded and removed": (
        "G3",
        "RUN wget -O /data/a.bin https://example.com/a\nRUN cp /data/a.bin /data/b.bin\nRUN rm /data/a.bin",
        {"data/b.bin"},  # of other random bytes
    ),
    "what the context should not have": ("G5", "COPY . /srv\nRUN rm -rf /srv/tests", {"srv/.dockerignore"}),
    "a file for one step": (
        "G5",
        "COPY wheel.whl /tmp/wheel.whl\nRUN pip install --no-cache-dir /tmp/wheel.whl && rm /tmp/wheel.whl",
        set(),
    ),
    "the cache of pip": (
        "G1",
        "COPY main.sh /main.sh\nRUN pip install /main.sh",
        {"root/.cache", "root/.cache/pip", "root/.cache/pip/x"},
    ),
    "lists of apt": (
        "G2",
        "RUN apt-get update \\\n && apt-get install -y git \\\n && true",
        {"var/lib/apt/lists/x"},
    ),
}


@pytest.fixture(scope="module")
def docker(docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> Docker:
    return Docker(docker_host, tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize("name", CASES)
def test_a_fixed_file_builds_the_same_in_fewer_bytes(name: str, docker: Docker, tmp_path: Path) -> None:
    code, lines, may_differ = CASES[name]
    text = f"FROM {BASE}\n{lines}\n"
    (finding,) = verdicts(code, text, tmp_path, FILES)
    before = docker.build(tmp_path)
    assert finding.fix is not None
    for path in {edit.path for edit in finding.fix.edits}:
        old = (tmp_path / path).read_bytes() if (tmp_path / path).exists() else b""
        (tmp_path / path).write_bytes(edited(old, [e for e in finding.fix.edits if e.path == path]))
    after = docker.build(tmp_path)
    assert _without(before, may_differ) == _without(after, may_differ)
    assert after.size_bytes < before.size_bytes - 1_900_000


def _without(image: Built, names: set[str]) -> dict[str, tuple[object, ...]]:
    """What it holds, the Dockerfile itself and what may differ left out."""
    return {
        path.rstrip("/"): what
        for path, what in image.files.items()
        if path.rstrip("/") not in names and not path.endswith("Dockerfile")
    }
