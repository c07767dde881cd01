"""What a manifest says of a container is a matter of the Dockerfile whose image it runs, and of no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import verdicts

if TYPE_CHECKING:
    from pathlib import Path

POD = """
apiVersion: v1
kind: Pod
metadata: {name: scorer}
spec:
  terminationGracePeriodSeconds: 10
  securityContext: {runAsNonRoot: true}
  containers:
    - name: scorer
      image: team/scorer:latest
"""
OTHER = "services:\n  scorer:\n    build: ./scorer\n"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("H2", "FROM python:3.12\nRUN useradd app\nUSER app\n"),
        ("H8", "FROM python:3.12\n"),
        ("H12", 'FROM python:3.12\nCMD ["gunicorn", "--graceful-timeout", "90", "app:app"]\n'),
    ],
)
def test_a_container_of_another_image_is_no_matter_of_this_one(tmp_path: Path, code: str, text: str) -> None:
    files = {"k8s/pod.yaml": POD}
    assert verdicts(code, text, tmp_path, files)
    assert not verdicts(code, text, tmp_path, {**files, "compose.yaml": OTHER})
