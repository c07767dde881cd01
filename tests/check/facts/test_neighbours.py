from __future__ import annotations

from typing import TYPE_CHECKING

from tests.check.facts.dockerfiles import facts_of
from wherry.check.facts.texts import Reader

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE = "services:\n  app:\n    build: .\n  db:\n    image: postgres\n"
OVERRIDE = "services:\n  app:\n    shm_size: 1gb\n"
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template:
    spec:
      containers: [{name: app, image: app}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{port: 80}]}
"""
WORKFLOW = "on: push\njobs:\n  b:\n    steps:\n      - run: docker build .\n"


def test_files_around_a_dockerfile_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name, text in {
        "compose.yaml": COMPOSE,
        "compose.override.yaml": OVERRIDE,
        "k8s/app.yaml": DEPLOYMENT,
        "k8s/values.yaml": "a: 1\n",
        ".github/workflows/ci.yml": WORKFLOW,
        "Jenkinsfile": "sh 'docker build .'\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    reader = Reader()
    name = str(tmp_path / "Dockerfile")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    facts = facts_of("FROM scratch\n", name, context_root=tmp_path, reader=reader)
    assert [service.name.value for service in facts.compose] == ["app"]
    assert facts.compose[0].shm_size is not None
    assert facts.neighbours is not None
    assert len(facts.neighbours.all_compose) == 2
    assert [workload.kind for workload in facts.workloads] == ["Deployment"]
    assert len(facts.kubernetes_services) == 1
    assert {workflow.kind for workflow in facts.workflows} == {"github", "jenkins"}
    again = facts_of("FROM scratch\n", name, context_root=tmp_path, reader=reader)
    assert again.compose[0] is facts.compose[0]
    assert again.workflows[0] is facts.workflows[0]


def test_on_stdin_there_are_no_neighbours_and_no_project() -> None:
    facts = facts_of("FROM scratch\n", "-")
    assert (facts.compose, facts.workloads, facts.kubernetes_services, facts.workflows) == ((), (), (), ())
    assert (facts.project.requirements, facts.project.locks, facts.project.pyproject) == ((), (), None)
    assert facts.notes == ()
