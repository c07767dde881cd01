"""Where a container whose root is read-only can write: volumes and memory that are mounted there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.yaml_edits import put
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.compose import ComposeService
    from wherry.check.facts.deployments import Running
    from wherry.check.facts.texts import Text
    from wherry.check.facts.yaml_nodes import Node
    from wherry.check.yaml_edits import Put

TMP: Final = "/tmp"  # noqa: S108 - a path in a container
_SHM: Final = "/dev/shm"  # noqa: S108 - a path in a container
_PLAIN: Final = regex(r"/[\w./-]+")
_KEPT: Final = ("persistentVolumeClaim", "ephemeral", "hostPath", "csi", "nfs")


class Mounted(Frozen):
    """A directory that can be written."""

    path: str
    is_memory: bool  # it is gone with the container, and what lies there counts as its memory


def of_service(service: ComposeService) -> list[Mounted]:
    """The writable mounts of a compose service."""
    memory = [Mounted(text.value.partition(":")[0], is_memory=True) for text in _tmpfs(service)]
    return _plain([*memory, *(one for node in service.all("volumes") for one in _volumes(node))])


def _tmpfs(service: ComposeService) -> list[Text]:
    return [text for node in service.all("tmpfs") for text in node.texts()]


def _volumes(node: Node) -> Iterator[Mounted]:
    for part in node.elements():
        target, is_read_only = part.get("target"), part.get("read_only")
        kind = part.get("type")
        if target and not (is_read_only and is_read_only.is_true):
            yield Mounted(target.string, is_memory=kind is not None and kind.string == "tmpfs")
        elif part.kind == "scalar":
            source, colon, rest = part.string.partition(":")
            path, _, mode = (rest if colon else source).partition(":")
            if "ro" not in mode.split(","):
                yield Mounted(path, is_memory=False)


def of_container(running: Running) -> list[Mounted]:
    """The writable mounts of a container of a pod."""
    volumes = running.workload.volumes
    found = []
    listed = running.container.node.get("volumeMounts")
    for part in listed.elements() if listed else ():
        path, name, is_read_only = part.get("mountPath"), part.get("name"), part.get("readOnly")
        volume = volumes.get(name.string) if name else None
        if path and volume and not (is_read_only and is_read_only.is_true):
            empty = volume.get("emptyDir")
            medium = empty.get("medium") if empty else None
            if empty or any(volume.get(kind) for kind in _KEPT):
                found.append(Mounted(path.string, is_memory=medium is not None and medium.string == "Memory"))
    return _plain(found)


def _plain(mounts: list[Mounted]) -> list[Mounted]:
    return [mount for mount in mounts if _PLAIN.fullmatch(mount.path) and mount.path != _SHM]


def memory_for_service(service: ComposeService) -> list[Put | None]:
    """Mount memory at /tmp."""
    return [put(service.node, {"tmpfs": [TMP]})]


def directory_for_container(running: Running) -> list[Put | None]:
    """Mount a directory that lives as long as the pod at /tmp."""
    if "tmp" in running.workload.volumes:
        return [None]
    return [
        put(running.container.node, {"volumeMounts": [{"name": "tmp", "mountPath": TMP}]}),
        put(running.workload.pod, {"volumes": [{"name": "tmp", "emptyDir": {}}]}),
    ]
