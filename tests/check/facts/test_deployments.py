from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.facts.dockerfiles import facts_of

if TYPE_CHECKING:
    from pathlib import Path


_BUILT_BY_CI = """
on: push
jobs:
  b:
    steps:
      - uses: docker/build-push-action@v6
        with: {context: services/a, tags: "team/scorer:latest"}
"""


def _pod(*images: str) -> str:
    containers = "".join(f"    - name: c{n}\n      image: {image}\n" for n, image in enumerate(images))
    return f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n{containers}"


def _running(root: Path, files: dict[str, str], name: str = "Dockerfile") -> list[str]:
    """The images of the containers that are said to run what a Dockerfile makes."""
    (root / ".git").mkdir()
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    facts = facts_of("FROM scratch\n", str(root / name), context_root=(root / name).parent)
    return [str(one.container.image) for one in facts.running]


def test_the_only_image_that_is_nobody_elses_is_this_one(tmp_path: Path) -> None:
    files = {
        "k8s/pod.yaml": _pod("registry.example.com/team/scorer:1.2", "redis:7", "docker.io/library/nginx")
    }

    assert _running(tmp_path, files) == ["registry.example.com/team/scorer:1.2"]


def test_of_two_images_none_is_guessed(tmp_path: Path) -> None:
    assert _running(tmp_path, {"k8s/pod.yaml": _pod("team/scorer:1", "team/trainer:1")}) == []


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("Dockerfile", {"pyproject.toml": '[project]\nname = "Team_Scorer"\n'}),
        ("team-scorer/Dockerfile", {}),
        ("Dockerfile.team-scorer", {}),
        ("team-scorer.Dockerfile", {}),
        (
            "Dockerfile",
            {"compose.yaml": "services:\n  a:\n    build: .\n    image: reg.example.com/team-scorer:dev\n"},
        ),
        (
            "app/Dockerfile",
            {
                ".github/workflows/build.yaml": "on: push\njobs:\n  b:\n    steps:\n"
                "      - uses: docker/build-push-action@v6\n        with:\n          context: app\n"
                "          tags: reg.example.com/x/team-scorer:${{ github.sha }}\n"
            },
        ),
    ],
)
def test_an_image_is_known_by_the_name_it_is_given(tmp_path: Path, name: str, files: dict[str, str]) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    manifests = {"k8s/pod.yaml": _pod("ghcr.io/org/team-scorer@sha256:0", "ghcr.io/org/trainer:1")}

    assert _running(tmp_path, files | manifests, name) == ["ghcr.io/org/team-scorer@sha256:0"]


def test_a_name_that_is_told_wins_over_the_only_image(tmp_path: Path) -> None:
    compose = "services:\n  a:\n    build: .\n    image: team/trainer\n"

    assert _running(tmp_path, {"compose.yaml": compose, "k8s/pod.yaml": _pod("team/scorer:1")}) == []


def test_a_dockerfile_with_a_name_of_its_own_is_not_the_only_one(tmp_path: Path) -> None:
    assert _running(tmp_path, {"k8s/pod.yaml": _pod("team/scorer:1")}, "Dockerfile.gpu") == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("compose.yaml", "services:\n  scorer:\n    build: services/scorer\n  b:\n    build: .\n"),
        ("compose.yaml", "services:\n  a:\n    build: services/a\n    image: reg.example.com/scorer:dev\n"),
        (
            ".github/workflows/build.yaml",
            _BUILT_BY_CI,
        ),
    ],
)
@pytest.mark.parametrize("name", ["Dockerfile", "services/tts/Dockerfile"])
def test_the_only_image_is_not_this_one_where_another_dockerfile_makes_it(
    tmp_path: Path, name: str, path: str, text: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)

    assert _running(tmp_path, {path: text, "k8s/pod.yaml": _pod("team/scorer:1")}, name) == []


def test_the_only_image_is_that_of_the_directory_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "services/tts").mkdir(parents=True)
    files = {"services/scorer/Dockerfile": "FROM scratch\n", "k8s/pod.yaml": _pod("team/scorer:1")}

    assert _running(tmp_path, files, "services/tts/Dockerfile") == []


def test_a_name_too_long_for_a_directory_is_none(tmp_path: Path) -> None:
    image = "team/" + "s" * 280

    assert _running(tmp_path, {"k8s/pod.yaml": _pod(image)}) == [image]


def test_images_made_up_of_variables_are_passed_over(tmp_path: Path) -> None:
    assert _running(tmp_path, {"k8s/pod.yaml": _pod("'${IMAGE}'", "'$" + "$" * 1000 + "'")}) == []


def test_without_manifests_nothing_runs() -> None:
    assert facts_of("FROM scratch\n").running == ()
