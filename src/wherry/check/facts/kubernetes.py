"""Kubernetes manifests: workloads with their containers, and services.

Gives ``read_manifests(source, reader)`` -> (workloads, services); Helm and Jinja templates are noted and
passed over. ``Workload``:
    kind, name: Text | None          Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod, and every other
                                     kind that holds a pod (Knative, KServe, Argo, Ray, Kubeflow jobs)
    containers, init_containers      Container
    pod: Node                        the pod's spec; pod.get(...) reaches any key
    run_as_non_root, run_as_user     of the pod: Text | None
    shm                              Text of the volume in memory, or mounted at /dev/shm; None
    runtime_class, host_network, host_ipc, grace_period, replicas: Text | None

``Container``: name, image, pull_policy: Text | None; command, args: tuple[Text, ...]
    ports                            (containerPort: Text, name)
    requests, limits                 resource -> Text: "memory", "cpu", "ephemeral-storage", "nvidia.com/gpu"
    gpu, gpu_resource                Text of the GPU resource's quantity, or None; its name (nvidia.com/gpu,
                                     nvidia.com/mig-1g.5gb, amd.com/gpu, ...)
    probes                           "liveness", "readiness", "startup" -> Probe(node, port: Text | None,
                                     path, initial_delay_s, period_s, failure_threshold)
    environment                      KubernetesVariable(name, text: Text | None, is_reference, place); a value
                                     may be a secret: print ``shown(value)`` (requirement.py)
    mounts                           (mount path: Text, volume name)
    run_as_non_root, run_as_user     of the container, else of the pod: Text | None
    privileged, read_only_root, allow_escalation: Text | None

``KubernetesService``: name, ports: (port: Text, target_port: Text | None), type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.kubernetes_containers import Container, KubernetesVariable, Probe, parts_of
from wherry.check.facts.texts import Text
from wherry.check.facts.yaml_nodes import parse_documents
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from wherry.check.facts.texts import Reader
    from wherry.check.facts.yaml_nodes import Node
    from wherry.check.model import Place
    from wherry.dockerfile.source import Source

__all__ = ["Container", "KubernetesService", "KubernetesVariable", "Probe", "Workload", "read_manifests"]

_MOST_NODES: Final = 20_000
_MOST_WORKLOADS: Final = 200
_WITHOUT_PODS: Final = frozenset(
    {
        "ConfigMap",
        "Secret",
        "Ingress",
        "CustomResourceDefinition",
        "Role",
        "ClusterRole",
        "Kustomization",
    }
)


class Workload(Frozen):
    """What runs pods; the module says what can be asked."""

    kind: str
    document: Node
    pod: Node

    @property
    def source(self) -> Source:
        """The file."""
        return self.document.source

    @property
    def name(self) -> Text | None:
        """Its name."""
        return self._of_document("metadata", "name")

    @property
    def place(self) -> Place:
        """Where it is named."""
        return (self.name or Text("", self.source, self.pod.span)).place

    @property
    def containers(self) -> tuple[Container, ...]:
        """Its containers."""
        single = self.pod.get("container")
        listed = [*parts_of(self.pod, "containers"), *([single] if single else [])]
        return tuple(Container(part, self.pod) for part in listed if part.kind == "mapping")

    @property
    def init_containers(self) -> tuple[Container, ...]:
        """Containers that run before."""
        parts = parts_of(self.pod, "initContainers")
        return tuple(Container(part, self.pod) for part in parts if part.kind == "mapping")

    def _text(self, *keys: str) -> Text | None:
        node = self.pod.get(*keys)
        return node.text if node else None

    def _of_document(self, *keys: str) -> Text | None:
        node = self.document.get(*keys)
        return node.text if node else None

    @property
    def run_as_non_root(self) -> Text | None:
        """Whether root is refused in the whole pod."""
        return self._text("securityContext", "runAsNonRoot")

    @property
    def run_as_user(self) -> Text | None:
        """Who the whole pod runs as."""
        return self._text("securityContext", "runAsUser")

    @property
    def runtime_class(self) -> Text | None:
        """The container runtime."""
        return self._text("runtimeClassName")

    @property
    def host_network(self) -> Text | None:
        """Whether it has the host's network."""
        return self._text("hostNetwork")

    @property
    def host_ipc(self) -> Text | None:
        """Whether it has the host's shared memory."""
        return self._text("hostIPC")

    @property
    def grace_period(self) -> Text | None:
        """How many seconds it has to end."""
        return self._text("terminationGracePeriodSeconds")

    @property
    def replicas(self) -> Text | None:
        """How many of it run."""
        return self._of_document("spec", "replicas")

    @property
    def volumes(self) -> dict[str, Node]:
        """Its volumes by name."""
        listed = [(part.get("name"), part) for part in parts_of(self.pod, "volumes")]
        return {name.string: part for name, part in listed if name}

    @property
    def shm(self) -> Text | None:
        """The volume that gives it shared memory."""
        in_memory = {
            name: node
            for name, node in self.volumes.items()
            if (medium := node.get("emptyDir", "medium")) and medium.string == "Memory"
        }
        for container in self.containers:
            for path, name in container.mounts:
                if path.value.rstrip("/") == "/dev/shm":  # noqa: S108 - a path in a container
                    return path
                if name in in_memory:
                    return Text(name, self.source, in_memory[name].span)
        return None


class KubernetesService(Frozen):
    """What makes ports of pods reachable."""

    name: Text | None
    ports: tuple[tuple[Text, Text | None], ...]
    type: str
    node: Node


def looks_like_manifest(data: bytes) -> bool:
    """Whether bytes may be a manifest: cheap, before YAML is read."""
    return b"apiVersion:" in data and b"kind:" in data


def read_manifests(
    source: Source, reader: Reader
) -> tuple[tuple[Workload, ...], tuple[KubernetesService, ...]]:
    """What a file of manifests describes."""
    workloads: list[Workload] = []
    services: list[KubernetesService] = []
    for document in _objects(parse_documents(source, reader)):
        kind = document.get("kind")
        if kind is None or document.get("apiVersion") is None:
            continue
        if kind.string == "Service" and not document.get("spec", "template"):
            services.append(_service(document))
        elif kind.string not in _WITHOUT_PODS:
            workloads += [Workload(kind.string, document, pod) for pod in _pods(document)]
    return tuple(workloads[:_MOST_WORKLOADS]), tuple(services[:_MOST_WORKLOADS])


def _objects(documents: tuple[Node, ...]) -> list[Node]:
    """The documents, and what lists among them hold."""
    found: list[Node] = []
    for document in documents:
        kind = document.get("kind")
        listed = parts_of(document, "items") if kind and kind.string == "List" else []
        found += listed or [document]
    return [node for node in found if node.kind == "mapping"]


def _pods(document: Node) -> list[Node]:
    """Every pod in an object: whatever holds containers. Looked for by breadth, each node once."""
    spec = document.get("spec")
    waiting = [spec] if spec else []
    seen: set[int] = set()
    found: list[Node] = []
    while waiting and len(seen) < _MOST_NODES:
        node = waiting.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.kind == "sequence":
            waiting += node.elements()
        elif node.kind == "mapping":
            if _is_pod(node):
                found.append(node)
            else:
                waiting += [value for _, value in node.items() if value.kind != "scalar"]
    return found


def _is_pod(node: Node) -> bool:
    containers, single = node.get("containers"), node.get("container")
    return (containers is not None and containers.kind == "sequence") or (
        single is not None and single.get("image") is not None
    )


def _service(document: Node) -> KubernetesService:
    name, kind = document.get("metadata", "name"), document.get("spec", "type")
    ports = []
    for part in parts_of(document.get("spec"), "ports"):
        port, target = part.get("port"), part.get("targetPort")
        if port and port.text:
            ports.append((port.text, target.text if target else None))
    return KubernetesService(name.text if name else None, tuple(ports), kind.string if kind else "", document)
