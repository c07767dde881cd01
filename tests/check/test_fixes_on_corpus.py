"""The promise of fixes, held to other people's Dockerfiles and to mixtures of them: nothing is ever broken.

Mended with all rules, the unsafe fixes too, a file is still one to us and to BuildKit's own parser, and read
alike by both; a second run changes nothing; there is less to say; what no fix declared stands byte for byte;
line endings, byte order mark and the end of the last line are the author's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.check.mixtures import BOM, broken_promises, can_be_checked, make_mixture, put_beside
from tests.dockerfile.dockerfiles import CORPUS, damaged_files, files
from wherry.check.model import Safety


@pytest.fixture(autouse=True)
def _failures_of_rules_are_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERRY_DEBUG", "1")


@pytest.mark.parametrize(
    ("windows", "allowed"),
    [(False, Safety.SAFE), (False, Safety.UNSAFE), (True, Safety.UNSAFE)],
    ids=["safe", "unsafe", "unsafe-crlf-bom"],
)
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_real_file_is_mended_and_not_broken(
    path: Path,
    allowed: Safety,
    tmp_path: Path,
    *,
    windows: bool,
) -> None:
    data = path.read_bytes()
    if windows:
        data = BOM + data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / "Dockerfile").write_bytes(data)

    assert broken_promises(tmp_path, allowed) == []


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_real_file_with_neighbours_is_mended_and_not_broken(path: Path, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    put_beside(Random(path.stem), tmp_path)  # noqa: S311 - the same files each time
    (tmp_path / "Dockerfile").write_bytes(path.read_bytes())

    assert broken_promises(tmp_path, Safety.UNSAFE) == []


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0, max_value=1 << 40), st.sampled_from(Safety))
def test_a_mixture_is_mended_and_not_broken(seed: int, allowed: Safety) -> None:
    random = Random(seed)  # noqa: S311 - the same mixture for the same seed
    data = make_mixture(random)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / ".git").mkdir()
        put_beside(random, root)
        (root / "Dockerfile").write_bytes(data)

        assert not can_be_checked(data) or broken_promises(root, allowed) == [], data


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(files | damaged_files, st.sampled_from(Safety))
def test_an_odd_file_is_mended_and_not_broken(text: str, allowed: Safety) -> None:
    data = text.encode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "Dockerfile").write_bytes(data)

        assert not can_be_checked(data) or broken_promises(root, allowed) == [], data
