"""kubernetes-limits: what runs this image, and which image need not be asked for at every start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import verdicts
from wherry.check.model import Safety, Severity

if TYPE_CHECKING:
    from pathlib import Path

SHA = "sha256:" + "a" * 64


def said_of(folder: Path, image: str, policy: str, anchor: str = "") -> list[str]:
    """What the fixes of a container's pull policy write."""
    text = (
        f"apiVersion: v1\nkind: Pod\nspec:\n  containers:{anchor}\n    - image: {image}\n"
        f"      imagePullPolicy: {policy}\n      resources: {{limits: {{memory: 1Gi}}}}\n"
    )
    findings = [
        one
        for one in verdicts("H8", "FROM python:3.12\n", folder, {"k8s/pod.yaml": text})
        if one.severity is Severity.INFO
    ]
    assert all(one.fix is None or one.fix.safety is Safety.SAFE for one in findings)
    return [edit.text for one in findings for edit in (one.fix.edits if one.fix else ())]


@pytest.mark.parametrize(
    "image",
    ["team/a:1.4.0", "team/a:v1.4.0-cuda12.4", "host:5000/a:1.4.0", f"team/a@{SHA}", f"a:latest@{SHA}"],
)
def test_an_image_that_does_not_change_is_pulled_where_it_is_not_present(tmp_path: Path, image: str) -> None:
    assert said_of(tmp_path, image, "Always") == ["IfNotPresent"]
    assert said_of(tmp_path, image, '"Always"') == ['"IfNotPresent"']


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("team/a:latest", "Always"),
        ("team/a", "Always"),
        ("host:5000/a", "Always"),
        ("team/a:1", "Always"),
        ("team/a:1.4", "Always"),
        ("team/a:main", "Always"),
        ("team/a:1.4.0", "IfNotPresent"),
        ("team/a:1.4.0", "Never"),
    ],
)
def test_an_image_that_may_change_is_asked_for(tmp_path: Path, image: str, policy: str) -> None:
    assert said_of(tmp_path, image, policy) == []


def test_what_others_share_is_not_written_to(tmp_path: Path) -> None:
    assert said_of(tmp_path, "team/a:1.4.0", "Always", anchor=" &c") == []


@pytest.mark.parametrize(
    "compose",
    ["services:\n  scorer:\n    build: ./scorer\n", "services:\n  b:\n    build: .\n    image: team/b\n"],
)
def test_what_runs_the_image_of_another_dockerfile_is_no_matter_of_this_one(
    tmp_path: Path, compose: str
) -> None:
    pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: team/scorer:latest\n"

    assert len(verdicts("H8", "FROM python:3.12\n", tmp_path, {"k8s/pod.yaml": pod})) == 2
    beside = {"k8s/pod.yaml": pod, "compose.yaml": compose}
    assert verdicts("H8", "FROM python:3.12\n", tmp_path, beside) == []
