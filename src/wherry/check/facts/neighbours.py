"""The YAML files around a Dockerfile, told apart: compose, Kubernetes, CI. Each file is parsed once a run.

Gives ``Neighbours`` (`facts.compose`, `.workloads`, `.kubernetes_services`, `.workflows` are its own):
    compose                 services that build this Dockerfile (`compose.ComposeService`)
    all_compose             every service of the compose files around it
    workloads, services     of the Kubernetes manifests around it (`kubernetes`)
    workflows               CI files of the repository (`workflows.Workflow`)
"""

from __future__ import annotations

import os
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, TypeVar

from wherry.check.facts.repository import repository_root, yaml_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wherry.check.facts.compose import ComposeService
    from wherry.check.facts.kubernetes import KubernetesService, Workload
    from wherry.check.facts.texts import Reader
    from wherry.check.facts.workflows import Workflow
    from wherry.dockerfile.source import Source

_OTHER_CI: Final = ("Jenkinsfile",)

_T = TypeVar("_T")


class Neighbours:
    """What stands around one Dockerfile. What is given stands at the head of this module.

    Args:
        dockerfile: Its path.
        reader: Shared by the Dockerfiles of a run: what it read once is parsed once.

    """

    def __init__(self, dockerfile: Path, reader: Reader) -> None:
        self._dockerfile = dockerfile
        self._reader = reader

    @cached_property
    def _files(self) -> list[Path]:
        return _listing(self._reader, self._dockerfile.parent)

    @cached_property
    def all_compose(self) -> tuple[ComposeService, ...]:
        """Every service of the compose files around."""
        if not self._files:
            return ()
        from wherry.check.facts.compose import (  # noqa: PLC0415 - YAML, only when asked for
            is_compose_name,
            is_override_name,
            override_of,
            read_compose,
        )

        found: list[ComposeService] = []
        for path in self._files:
            if not is_compose_name(path.name) or is_override_name(path.name):
                continue
            source = self._reader.read(path)
            if source is not None:
                override = self._reader.first(override_of(path))
                found += _once(source, partial(read_compose, reader=self._reader, override=override))
        return tuple(found)

    @cached_property
    def compose(self) -> tuple[ComposeService, ...]:
        """The services that build this Dockerfile."""
        return tuple(service for service in self.all_compose if service.builds(self._dockerfile))

    @cached_property
    def _manifests(self) -> list[tuple[tuple[Workload, ...], tuple[KubernetesService, ...]]]:
        if not self._files:
            return []
        from wherry.check.facts.compose import is_compose_name  # noqa: PLC0415 - YAML, when asked for
        from wherry.check.facts.kubernetes import (  # noqa: PLC0415 - the same
            looks_like_manifest,
            read_manifests,
        )
        from wherry.check.facts.workflows import is_workflow_path  # noqa: PLC0415 - the same

        found = []
        for path in self._files:
            if is_workflow_path(path) or is_compose_name(path.name):
                continue
            source = self._reader.read(path)
            if source is not None and looks_like_manifest(source.data):
                found.append(_once(source, lambda one: read_manifests(one, self._reader)))
        return found

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """What runs containers, of the manifests around."""
        return tuple(workload for workloads, _ in self._manifests for workload in workloads)

    @cached_property
    def services(self) -> tuple[KubernetesService, ...]:
        """The Services of the manifests around."""
        return tuple(service for _, services in self._manifests for service in services)

    @cached_property
    def workflows(self) -> tuple[Workflow, ...]:
        """The CI files of the repository."""
        if not self._files:
            return ()
        from wherry.check.facts.workflows import (  # noqa: PLC0415 - YAML, only when asked for
            is_workflow_path,
            read_workflow,
        )

        sources = [self._reader.read(path) for path in self._files if is_workflow_path(path)]
        return tuple(
            _once(source, lambda one: read_workflow(one, self._reader)) for source in sources if source
        )


def _listing(reader: Reader, directory: Path) -> list[Path]:
    """The files around *directory*, looked for once by each reader."""
    listed: dict[str, list[Path]] = vars(reader).setdefault("_files_around", {})
    key = os.path.abspath(directory)  # noqa: PTH100 - resolve() would follow links
    if key not in listed:
        root = repository_root(directory)
        listed[key] = [*yaml_files(directory), *_other_ci(root)]
    return listed[key]


def _other_ci(root: Path | None) -> list[Path]:
    """Files of CI that are no YAML."""
    return [root / name for name in _OTHER_CI if (root / name).is_file()] if root else []


def _once(source: Source, read: Callable[[Source], _T]) -> _T:
    """What *read* makes of a file, which has one kind; kept with the file's bytes, it goes with them."""
    known = vars(source)
    if "_read_as" not in known:
        known["_read_as"] = read(source)
    found: _T = known["_read_as"]
    return found
