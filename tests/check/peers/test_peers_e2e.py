"""The real hadolint and tally, as PyPI has them, over real files."""

from __future__ import annotations

import os
import sysconfig
from typing import TYPE_CHECKING

import pytest

from tests.check.findings import judged
from tests.programs import require_program
from wherry.check.peers.merge import with_peers
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

DOCKERFILE = b"""\
FROM python:latest
RUN pip install torch && \\
    echo "\xc3\xa4" $(ls *.txt)
# hadolint ignore=DL3002
USER root
# tally ignore=hadolint/DL3004
RUN sudo ls
MAINTAINER me
CMD python app.py
"""


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    require_program("hadolint")
    require_program("tally")


def test_both_are_merged_each_thing_once_and_their_own_comments_count(tmp_path: Path) -> None:
    sources = {}
    for name in ("Dockerfile", "-x.Dockerfile", "ü b/Dockerfile", "odd[1]*.Dockerfile"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(DOCKERFILE)
        sources[name] = Source(name, DOCKERFILE)
    sources["Dockerfile.latin"] = Source("Dockerfile.latin", b"FROM python:3.12\nRUN echo \xe9\n")

    merged = with_peers(["hadolint", "tally"], [judged(path=name) for name in sources], sources.get)

    for judgement in merged.judgements[:-1]:
        codes = [finding.rule for finding in judgement.findings]
        wanted = {"hadolint/DL3007", "hadolint/DL3042", "shellcheck/SC2046", "buildkit/MaintainerDeprecated"}
        assert wanted <= set(codes)
        assert codes.count("hadolint/DL3007") == codes.count("shellcheck/SC2046") == 1
        assert not {"hadolint/DL4000", "hadolint/DL3025", "hadolint/DL3002"} & set(codes)
        quote = next(one for one in judgement.findings if one.rule == "shellcheck/SC2046")
        assert sources[judgement.path].text(quote.place.span) == "$(ls *.txt)"
    assert merged.judgements[-1].notes == (
        "tally could not read Dockerfile.latin: file does not appear to be valid UTF-8 text",
    )
    assert set(merged.added) == {"hadolint", "tally"}


def test_the_users_settings_for_them_hold(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(DOCKERFILE)
    (tmp_path / ".hadolint.yaml").write_text("ignored:\n  - DL3007\n  - DL3042\n")
    (tmp_path / ".tally.toml").write_text('[rules]\nexclude = ["hadolint/DL3007", "tally/*"]\n')
    source = Source("Dockerfile", DOCKERFILE)

    merged = with_peers(["hadolint", "tally"], [judged()], {"Dockerfile": source}.get)

    codes = {finding.rule for finding in merged.judgements[0].findings}
    assert "shellcheck/SC2046" in codes
    assert not {"hadolint/DL3007", "hadolint/DL3042"} & codes
    assert not any(code.startswith("tally/") for code in codes)
