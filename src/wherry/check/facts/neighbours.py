"""What stands around a Dockerfile and says how it is built, run and watched over.

Gives ``neighbours_of(directory, reader)`` -> Neighbours, of the directory of a Dockerfile, made once
for all in it:
    services                        every ComposeService, overrides carried out
    services_building(dockerfile)   those that build that Dockerfile
    workloads, kubernetes_services  of all manifests
    workflows                       CI files of the repository
    root                            the repository's directory; None outside of one
and ``context_root(dockerfile, sources, neighbours)``: from which directory a Dockerfile is most likely built.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.check.facts.repository import repository_root, surroundings, yaml_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts.compose import ComposeService
    from wherry.check.facts.kubernetes import KubernetesService, Workload
    from wherry.check.facts.texts import Reader
    from wherry.check.facts.workflows import Workflow

_LIMIT_BYTES: Final = 1 << 20
_TEXTS: Final = ("Jenkinsfile", ".circleci/config.yml", ".gitlab-ci.yml", "azure-pipelines.yml")


class Neighbours:
    """The files around; the module says what is given.

    Args:
        directory: Where the Dockerfile stands.
        reader: Reads the files and keeps the notes.

    """

    def __init__(self, directory: Path, reader: Reader) -> None:
        self.directory = directory
        self.reader = reader

    @cached_property
    def root(self) -> Path | None:
        """The repository's directory."""
        return repository_root(self.directory)

    @cached_property
    def _files(self) -> list[Path]:
        return yaml_files(self.directory)

    @cached_property
    def services(self) -> tuple[ComposeService, ...]:
        """Services of every compose file around."""
        from wherry.check.facts import compose  # noqa: PLC0415 - read when asked for

        found: list[ComposeService] = []
        for path in self._files:
            if not compose.is_compose_name(path.name) or compose.is_override_name(path.name):
                continue
            source = self.reader.read(path, _LIMIT_BYTES)
            if source and b"services" in source.data:
                override = self.reader.first(compose.override_of(path), _LIMIT_BYTES)
                found += compose.read_compose(source, self.reader, override)
        return tuple(found)

    def services_building(self, dockerfile: Path) -> tuple[ComposeService, ...]:
        """The services that build a Dockerfile."""
        return tuple(service for service in self.services if service.builds(dockerfile))

    @cached_property
    def _manifests(self) -> tuple[tuple[Workload, ...], tuple[KubernetesService, ...]]:
        from wherry.check.facts import kubernetes, workflows  # noqa: PLC0415 - read when asked for

        workloads: list[Workload] = []
        services: list[KubernetesService] = []
        for path in self._files:
            if workflows.is_workflow_path(path):
                continue
            source = self.reader.read(path, _LIMIT_BYTES)
            if source and kubernetes.looks_like_manifest(source.data):
                some, others = kubernetes.read_manifests(source, self.reader)
                workloads += some
                services += others
        return tuple(workloads), tuple(services)

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Kubernetes workloads of every manifest around."""
        return self._manifests[0]

    @property
    def kubernetes_services(self) -> tuple[KubernetesService, ...]:
        """Kubernetes services of every manifest around."""
        return self._manifests[1]

    @cached_property
    def workflows(self) -> tuple[Workflow, ...]:
        """CI files of the repository; none outside of one."""
        from wherry.check.facts import workflows  # noqa: PLC0415 - read when asked for

        if self.root is None:
            return ()
        paths = [path for path in self._files if workflows.is_workflow_path(path)]
        paths += [self.root / name for name in _TEXTS]
        sources = (self.reader.read(path, _LIMIT_BYTES) for path in dict.fromkeys(paths))
        return tuple(workflows.read_workflow(source, self.reader) for source in sources if source)


def neighbours_of(directory: Path, reader: Reader) -> Neighbours:
    """The neighbours of the Dockerfiles in a directory."""
    return reader.remember(Neighbours, directory, reader)


def context_root(dockerfile: Path, sources: Sequence[str], neighbours: Neighbours) -> Path:
    """From which directory a Dockerfile is most likely built.

    A compose service that builds it decides. Else it is its own directory, unless COPY names more files that
    are in a directory above, up to the repository's root.

    Args:
        dockerfile: Its path.
        sources: What its COPY and ADD take from the context.
        neighbours: What stands around it.

    """
    for service in neighbours.services_building(dockerfile):
        if service.context_path:
            return service.context_path
    own = dockerfile.parent
    plain = [name for source in sources if (name := source.strip("/")) not in {"", "."} and "\0" not in name]
    best, most = own, _count(own, plain)
    if most == len(plain):
        return own
    for directory in surroundings(own)[1:]:
        there = _count(directory, plain)
        if there > most:
            best, most = directory, there
    return best


def _count(directory: Path, sources: list[str]) -> int:
    """How many sources are in a directory; of a wildcard, the part before it counts."""
    count = 0
    for source in sources[:200]:
        fixed = source if not set("*?[") & set(source) else str(Path(source).parent)
        count += os.path.lexists(directory / fixed)
    return count
