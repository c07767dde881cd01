"""What CI builds and scans."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.check.facts.trees import source_of
from wherry.check.facts.texts import Reader
from wherry.check.facts.workflows import Workflow, is_workflow_path, read_workflow


def workflow(text: str, name: str = ".github/workflows/ci.yml") -> Workflow:
    return read_workflow(source_of(text, name), Reader())


def step(run: str) -> Workflow:
    lines = "\n".join(f"          {line}" for line in run.splitlines())
    return workflow(f"jobs:\n  b:\n    steps:\n      - run: |\n{lines}\n")


def test_the_action_that_builds_says_what() -> None:
    found = workflow(
        "jobs: {b: {steps: [{uses: docker/build-push-action@v6, with: {context: ., "
        "file: docker/Dockerfile, target: run,\n"
        " push: true, tags: 'a:b c:d', platforms: linux/amd64, build-args: X=1, cache-to: type=gha}},\n"
        " {uses: docker/build-push-action@v6}]}}\n"
    )
    full, bare = found.builds
    assert (full.context, full.dockerfile, full.target, full.tags, full.pushes) == (
        ".",
        "docker/Dockerfile",
        "run",
        ("a:b", "c:d"),
        True,
    )
    assert (full.platforms, full.build_args, full.cache_to) == ("linux/amd64", "X=1", "type=gha")
    assert (bare.context, bare.pushes) == ("", False)
    assert full.place.start.line == 1
    assert found.builds_images
    assert not found.scans_images


@pytest.mark.parametrize(
    ("command", "context", "dockerfile"),
    [
        ("docker build -t x .", ".", ""),
        ("docker buildx build --push -f a/Dockerfile --target run sub", "sub", "a/Dockerfile"),
        ("docker image build --file=a.Dockerfile . && docker push x", ".", "a.Dockerfile"),
        ("docker compose -f a.yml build", "", "a.yml"),
        ("podman build .", ".", ""),
        ("buildah bud .", ".", ""),
        ("wherry build -t x .", ".", ""),
        ("/kaniko/executor --context dir --dockerfile D", "dir", "D"),
        ("gcloud builds submit .", ".", ""),
    ],
)
def test_commands_that_build_are_known(command: str, context: str, dockerfile: str) -> None:
    (found,) = step(command).builds
    assert (found.dockerfile, found.context) == (dockerfile, context)
    assert found.place.start.line == 5


def test_a_command_over_lines_is_one() -> None:
    (found,) = step(
        "docker build -t x:y \\\n  -f Dockerfile.gpu --target run \\\n  --platform linux/amd64 --push sub"
    ).builds
    assert (found.dockerfile, found.target, found.context, found.tags) == (
        "Dockerfile.gpu",
        "run",
        "sub",
        ("x:y",),
    )
    assert (found.platforms, found.pushes) == ("linux/amd64", True)


@pytest.mark.parametrize(
    "command",
    [
        "trivy image x",
        "trivy --quiet image x",
        "grype x",
        "snyk container test x",
        "docker scout cves x",
        "wherry scan x",
        "dockle x",
        "anchorectl image add x",
        "twistcli images scan x",
    ],
)
def test_commands_that_scan_are_known(command: str) -> None:
    (found,) = step(command).scans
    assert found.place.start.line == 5


@pytest.mark.parametrize(
    "command", ["trivy fs .", "trivy config .", "echo build", "# trivy image x", "docker push x"]
)
def test_other_commands_scan_nothing(command: str) -> None:
    found = step(command)
    assert found.scans == ()
    assert found.builds == ()


@pytest.mark.parametrize(
    ("uses", "given", "scans"),
    [
        ("aquasecurity/trivy-action@master", "", True),
        ("aquasecurity/trivy-action@master", "image-ref: x", True),
        ("aquasecurity/trivy-action@master", "scan-type: fs", False),
        ("anchore/scan-action@v4", "", True),
        ("snyk/actions/docker@master", "", True),
        ("docker/scout-action@v1", "", True),
        ("actions/checkout@v4", "", False),
    ],
)
def test_actions_that_scan_are_known(uses: str, given: str, *, scans: bool) -> None:
    found = workflow(f"jobs: {{b: {{steps: [{{uses: {uses}, with: {{{given}}}}}]}}}}\n")
    assert found.scans_images is scans


def test_linters_pythons_and_calls() -> None:
    found = workflow(
        "jobs:\n  a: {uses: ./.github/workflows/x.yml}\n  b:\n    steps:\n"
        "      - uses: hadolint/hadolint-action@v3\n"
        "      - uses: actions/setup-python@v5\n        with: {python-version: ['3.11', '${{ matrix.p }}']}\n"
        "      - run: wherry check . && docker build --check .\n"
    )
    assert [str(text) for text in found.lints][:2] == ["hadolint/hadolint-action@v3", "wherry check"]
    assert [str(text) for text in found.pythons] == ["3.11"]
    assert [str(text) for text in found.calls] == ["./.github/workflows/x.yml"]
    assert found.builds == ()


def test_gitlab_has_templates_and_scripts() -> None:
    found = workflow(
        "include:\n  - template: Jobs/Container-Scanning.gitlab-ci.yml\n  - local: /ci/x.yml\n"
        "build:\n  image: {name: gcr.io/kaniko-project/executor}\n  script:\n    - docker build .\n"
        "scan:\n  image: aquasec/trivy:latest\n  script: [trivy image x]\n",
        ".gitlab-ci.yml",
    )
    assert found.kind == "gitlab"
    assert len(found.builds) == 1
    assert len(found.scans) == 3
    assert [str(text) for text in found.calls] == ["/ci/x.yml"]


def test_a_jenkinsfile_is_searched_as_text() -> None:
    found = workflow("pipeline { sh 'docker build -t x .'\n sh 'trivy image x' }", "Jenkinsfile")
    assert (found.kind, found.builds_images, found.scans_images) == ("jenkins", True, True)
    assert found.scans[0].place.start.line == 2


def test_what_is_no_yaml_is_searched_as_text_too() -> None:
    assert workflow("a: [\ndocker build .\n").builds_images


def test_a_script_that_is_written_elsewhere_is_placed_whole() -> None:
    found = workflow('jobs: {b: {steps: [{run: "docker \\\n  build ."}]}}\n')
    assert found.builds[0].place.start.line == 1


def test_nodes_that_hold_themselves_end() -> None:
    assert workflow("jobs: &a [*a, {run: docker build .}]\n").builds_images


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".github/workflows/ci.yaml", "github"),
        ("action.yml", "action"),
        ("sub/action.yaml", "action"),
        (".gitlab-ci.yml", "gitlab"),
        (".gitlab/ci/build.yml", "gitlab"),
        (".circleci/config.yml", "circleci"),
        ("azure-pipelines.yml", "azure"),
        ("Jenkinsfile.gpu", "jenkins"),
        ("compose.yml", ""),
        (".github/workflows/README.md", ""),
    ],
)
def test_ci_files_are_known_by_place_and_name(name: str, kind: str) -> None:
    assert is_workflow_path(Path(name)) == bool(kind)
    if kind:
        assert workflow("a: 1\n", name).kind == kind
