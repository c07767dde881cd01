"""read-only-root: where the caches go, and where no place for them is plain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import verdicts
from wherry.check.fix import edited

if TYPE_CHECKING:
    from pathlib import Path

HUB = 'FROM python:3.12\nRUN pip install transformers==4.46.3\nCMD ["x"]\n'
PLOTS = 'FROM python:3.12\nRUN pip install matplotlib==3.9.2\nENTRYPOINT ["x"]\n'


def service(lines: str) -> dict[str, str]:
    return {"compose.yaml": f"services:\n  a:\n    build: .\n    read_only: true\n{lines}"}


def pod(mounts: str = "", volumes: str = "", image: str = "team/a:1") -> dict[str, str]:
    return {
        "k8s/pod.yaml": "apiVersion: v1\nkind: Pod\nspec:\n"
        f"{volumes}  containers:\n    - name: a\n      image: {image}\n"
        f"      securityContext: {{readOnlyRootFilesystem: true}}\n{mounts}"
    }


def mounted(volume: str, more: str = "") -> dict[str, str]:
    return pod(
        f"      volumeMounts: [{{name: v, mountPath: /v{more}}}]\n",
        f"  volumes: [{{name: v, {volume}}}]\n",
    )


@pytest.mark.parametrize(
    ("text", "files", "value"),
    [
        (HUB, service("    volumes: [cache:/data]\n"), "HF_HOME=/data/huggingface"),
        (HUB, service("    volumes: [a:/data, 'b:/cache:rw,z']\n"), "HF_HOME=/cache/huggingface"),
        (HUB, service("    volumes: [hub:/srv/huggingface/]\n"), "HF_HOME=/srv/huggingface"),
        (
            HUB,
            service("    volumes: [{type: volume, source: a, target: /data}]\n"),
            "HF_HOME=/data/huggingface",
        ),
        (HUB, mounted("persistentVolumeClaim: {claimName: x}"), "HF_HOME=/v/huggingface"),
        (HUB, mounted("emptyDir: {}"), "HF_HOME=/v/huggingface"),
        (PLOTS, mounted("emptyDir: {medium: Memory}"), "MPLCONFIGDIR=/v/matplotlib"),
        (PLOTS, service("    volumes: [a:/data]\n    tmpfs: /run:size=1m\n"), "MPLCONFIGDIR=/run/matplotlib"),
    ],
)
def test_a_cache_goes_where_the_container_can_write(
    tmp_path: Path, text: str, files: dict[str, str], value: str
) -> None:
    (finding,) = verdicts("H10", text, tmp_path, files)

    assert finding.fix is not None
    assert [edit.text for edit in finding.fix.edits] == [f"ENV {value}\n"]


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (HUB, service("")),
        (HUB, service("    tmpfs: /tmp\n")),
        (HUB, service("    volumes: ['models:/data:ro']\n")),
        (HUB, service("    volumes: [{type: bind, source: ./a, target: /data, read_only: true}]\n")),
        (HUB, service("    volumes: [{type: tmpfs, target: /data}]\n")),
        (HUB, service("    volumes: ['a:${WHERE}']\n")),
        (HUB, mounted("emptyDir: {medium: Memory}")),
        (HUB, mounted("configMap: {name: x}")),
        (HUB, mounted("emptyDir: {}", ", readOnly: true")),
        (PLOTS, service("    <<: {tmpfs: [/dev/shm]}\n")),
        (HUB.partition("CMD")[0], service("    volumes: [a:/data]\n")),
        (PLOTS, pod(volumes="  volumes: [{name: tmp, emptyDir: {}}]\n")),
    ],
)
def test_where_no_place_is_plain_none_is_chosen(tmp_path: Path, text: str, files: dict[str, str]) -> None:
    (finding,) = verdicts("H10", text, tmp_path, files)

    assert finding.fix is None


def test_nothing_is_said_where_it_is_not_clear_who_runs_the_image(tmp_path: Path) -> None:
    assert (
        verdicts("H10", PLOTS, tmp_path, {**pod(), "k8s/b.yaml": pod(image="team/b:1")["k8s/pod.yaml"]}) == []
    )


def test_a_pod_gets_a_directory_for_a_small_cache(tmp_path: Path) -> None:
    (finding,) = verdicts("H10", PLOTS, tmp_path, pod())

    assert finding.fix is not None
    path = tmp_path / "k8s" / "pod.yaml"
    edits = [edit for edit in finding.fix.edits if edit.path == str(path)]
    assert edited(path.read_bytes(), edits).decode() == (
        pod()["k8s/pod.yaml"]
        + "      volumeMounts:\n        - name: tmp\n          mountPath: /tmp\n"
        + "  volumes:\n    - name: tmp\n      emptyDir: {}\n"
    )
