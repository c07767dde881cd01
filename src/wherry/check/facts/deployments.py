"""Which containers of the Kubernetes manifests around run the image of a Dockerfile: ``containers_running``.

A manifest names an image, never a Dockerfile. The image is this one's where a compose service or a CI step
that builds this Dockerfile gives it that name; where none does, when the name is that of the project, of
its directory or of the Dockerfile itself; and where there is just one image in the manifests that is nobody
else's: neither well known, nor what compose, CI or a directory's name make another Dockerfile's. Where that
is not clear nothing is said.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.check.facts.repository import surroundings
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.facts import Facts
    from wherry.check.facts.kubernetes import Container, Workload
    from wherry.check.facts.workflows import ImageBuild

_OF_OTHERS: Final = regex(
    r"(?:docker\.io/|library/|bitnami/|bitnamilegacy/|registry\.k8s\.io/|k8s\.gcr\.io/|quay\.io/prometheus/)*"
    r"(?:[\w-]*(?:postgres|mysql|mariadb|redis|valkey|mongo|rabbitmq|kafka|zookeeper|elasticsearch|opensearch"
    r"|minio|nginx|traefik|envoy|haproxy|busybox|alpine|ubuntu|debian|curl|git|kubectl|memcached|prometheus"
    r"|grafana|jaeger|otel|vault|keycloak|qdrant|weaviate|milvus|etcd|python|pause|cloud-sql)[\w-]*)"
)
_VARIABLE: Final = regex(r"\$\{?\{?[^}]*\}?\}?")
_MOST_CHARS: Final = 300
_PLAIN_NAMES: Final = frozenset({"dockerfile", "containerfile"})


class Running(Frozen):
    """A container that runs the image, and the workload it belongs to."""

    workload: Workload
    container: Container


def containers_running(facts: Facts) -> tuple[Running, ...]:
    """The containers, not those that run before, that run the image of a Dockerfile."""
    everywhere = [
        (Running(workload, container), _repository(container.image.value))
        for workload in facts.workloads
        for container in workload.containers
        if container.image and _repository(container.image.value).strip("./:_-")
    ]
    if not everywhere:
        return ()
    named = set(_told_names(facts))
    if named:
        known = {_last(name) for name in named}
        return tuple(one for one, name in everywhere if name in named or _last(name) in known)
    own = _own_names(facts)
    found = tuple(one for one, name in everywhere if _last(name) in own)
    if found:
        return found
    nobodys = {name for _, name in everywhere if not _OF_OTHERS.fullmatch(name)}
    is_alone = len(nobodys) == 1 and facts.path.name.lower() in _PLAIN_NAMES
    if not is_alone or _last(*nobodys) in _neighbours_names(facts) or _has_directory(facts, *nobodys):
        return ()
    return tuple(one for one, name in everywhere if name in nobodys)


def _neighbours_names(facts: Facts) -> frozenset[str]:
    """What compose and CI call the images of other Dockerfiles."""
    services = facts.neighbours.all_compose if facts.neighbours else ()
    built = (one for one in services if one.context_path and not one.builds(facts.path))
    names = [_repository((one.image or one.name).value) for one in built]
    names += [
        _repository(tag)
        for workflow in facts.workflows
        for build in workflow.builds
        if is_told(build) and not is_build_of(facts, build)
        for tag in build.tags
    ]
    return frozenset(_last(name) for name in names)


def _has_directory(facts: Facts, name: str) -> bool:
    """Whether a directory beside or above, called like the image, has a Dockerfile of its own."""
    wanted = name.rstrip("/").rpartition("/")[2]
    return any(
        os.path.isfile(above / wanted / "Dockerfile")  # noqa: PTH113 - a name that is too long is none
        for above in surroundings(facts.path.parent)
    )


def _told_names(facts: Facts) -> Iterator[str]:
    """Names that compose and CI give to what this Dockerfile makes."""
    for service in facts.compose:
        if service.image:
            yield _repository(service.image.value)
    for workflow in facts.workflows:
        for build in workflow.builds:
            if is_build_of(facts, build):
                yield from (_repository(tag) for tag in build.tags if tag.strip("${} \n"))


def is_told(build: ImageBuild) -> bool:
    """Whether a CI step says plainly what it builds."""
    return bool(build.context or build.dockerfile) and "$" not in build.context + build.dockerfile


def is_build_of(facts: Facts, build: ImageBuild) -> bool:
    """Whether the paths of a CI step, relative to the repository's root, mean this Dockerfile."""
    if not is_told(build):
        return False
    context, dockerfile = build.context, build.dockerfile
    wanted = os.path.abspath(facts.path)  # noqa: PTH100 - links stay
    written = Path(dockerfile) if dockerfile else Path(context, "Dockerfile")
    tail = f"/{os.path.normpath(written)}".replace("/./", "/")
    return wanted.endswith(tail)


def _own_names(facts: Facts) -> frozenset[str]:
    """What the image would be called: as the project, its directory, or the ending of the file's name."""
    pyproject = facts.project.pyproject
    stem = re.sub(
        r"(?i)^(?:dockerfile|containerfile)[.-]|\.(?:dockerfile|containerfile)$", "", facts.path.name
    )
    names = {pyproject.name if pyproject else "", facts.path.absolute().parent.name, stem}
    return frozenset(_plain(name) for name in names if name and name.lower() not in _PLAIN_NAMES)


def _repository(image: str) -> str:
    """An image's name without tag and digest; what a template fills in is left out."""
    plain = _VARIABLE.sub("", image.strip()[:_MOST_CHARS]).partition("@")[0]
    slash = plain.rfind("/")
    return plain[: slash + 1] + plain[slash + 1 :].partition(":")[0]


def _last(name: str) -> str:
    return _plain(name.rstrip("/").rpartition("/")[2])


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
