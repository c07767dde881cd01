"""One container of a Kubernetes pod; `kubernetes` says what can be asked of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from wherry.check.facts.texts import Text
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from wherry.check.facts.yaml_nodes import Node
    from wherry.check.model import Place

_GPU: Final = (
    "nvidia.com/gpu",
    "amd.com/gpu",
    "nvidia.com/mig-",
    "gpu.intel.com/",
    "nvidia.com/pgpu",
    "aliyun.com/gpu",
)
_PROBES: Final = ("liveness", "readiness", "startup")


class Probe(Frozen):
    """How Kubernetes asks a container how it is."""

    node: Node
    port: Text | None
    path: str
    initial_delay_s: int
    period_s: int
    failure_threshold: int


class KubernetesVariable(Frozen):
    """One variable of a container."""

    name: str
    text: Text | None  # a literal value
    is_reference: bool  # valueFrom
    place: Place


class Container(Frozen, dict=True):
    """One container of a pod; the module says what can be asked."""

    node: Node
    pod: Node

    def _text(self, *keys: str) -> Text | None:
        node = self.node.get(*keys)
        return node.text if node else None

    def _secured(self, key: str) -> Text | None:
        """A key of its security context, else of the pod's."""
        node = self.node.get("securityContext", key) or self.pod.get("securityContext", key)
        return node.text if node else None

    @property
    def place(self) -> Place:
        """Where it is described."""
        return (self.name or self.image or Text("", self.node.source, self.node.span)).place

    @property
    def name(self) -> Text | None:
        """Its name."""
        return self._text("name")

    @property
    def image(self) -> Text | None:
        """Its image."""
        return self._text("image")

    @property
    def pull_policy(self) -> Text | None:
        """When the image is pulled."""
        return self._text("imagePullPolicy")

    @property
    def command(self) -> tuple[Text, ...]:
        """What takes the place of ENTRYPOINT."""
        node = self.node.get("command")
        return tuple(node.texts()) if node else ()

    @property
    def args(self) -> tuple[Text, ...]:
        """What takes the place of CMD."""
        node = self.node.get("args")
        return tuple(node.texts()) if node else ()

    @property
    def ports(self) -> tuple[tuple[Text, str], ...]:
        """Its ports, with their names."""
        found = []
        for part in parts_of(self.node, "ports"):
            number, name = part.get("containerPort"), part.get("name")
            if number and number.text:
                found.append((number.text, name.string if name else ""))
        return tuple(found)

    @property
    def requests(self) -> dict[str, Text]:
        """What it is promised."""
        return _quantities(self.node.get("resources", "requests"))

    @property
    def limits(self) -> dict[str, Text]:
        """What it may have."""
        return _quantities(self.node.get("resources", "limits"))

    @cached_property
    def _gpu(self) -> tuple[str, Text] | None:
        resources = {**self.requests, **self.limits}
        return next(
            ((name, text) for name, text in resources.items() if name.startswith(_GPU) and text.value != "0"),
            None,
        )

    @property
    def gpu(self) -> Text | None:
        """How many GPUs it asks for."""
        return self._gpu[1] if self._gpu else None

    @property
    def gpu_resource(self) -> str:
        """By which name it asks for GPUs; "" when it does not."""
        return self._gpu[0] if self._gpu else ""

    @property
    def probes(self) -> dict[str, Probe]:
        """How it is asked how it is."""
        found = {kind: self.node.get(f"{kind}Probe") for kind in _PROBES}
        return {kind: _probe(node) for kind, node in found.items() if node}

    @property
    def environment(self) -> tuple[KubernetesVariable, ...]:
        """Its variables."""
        found = []
        for part in parts_of(self.node, "env"):
            name, value = part.get("name"), part.get("value")
            if name:
                text = value.text if value else None
                place = (text or name.text or Text("", part.source, part.span)).place
                found.append(KubernetesVariable(name.string, text, part.get("valueFrom") is not None, place))
        return tuple(found)

    @property
    def mounts(self) -> list[tuple[Text, str]]:
        """Where volumes are mounted, and their names."""
        found = []
        for part in parts_of(self.node, "volumeMounts"):
            path, name = part.get("mountPath"), part.get("name")
            if path and path.text:
                found.append((path.text, name.string if name else ""))
        return found

    @property
    def run_as_non_root(self) -> Text | None:
        """Whether root is refused."""
        return self._secured("runAsNonRoot")

    @property
    def run_as_user(self) -> Text | None:
        """Who it runs as."""
        return self._secured("runAsUser")

    @property
    def privileged(self) -> Text | None:
        """Whether it may do anything."""
        return self._text("securityContext", "privileged")

    @property
    def read_only_root(self) -> Text | None:
        """Whether its root file system cannot be written."""
        return self._text("securityContext", "readOnlyRootFilesystem")

    @property
    def allow_escalation(self) -> Text | None:
        """Whether it may gain rights."""
        return self._text("securityContext", "allowPrivilegeEscalation")


def parts_of(node: Node | None, key: str) -> list[Node]:
    """The elements of the sequence at a key."""
    found = node.get(key) if node else None
    return [part for part in found.elements() if part.kind == "mapping"] if found else []


def _quantities(node: Node | None) -> dict[str, Text]:
    return {key.value: text for key, value in node.items() if (text := value.text)} if node else {}


def _probe(node: Node) -> Probe:
    port = next(
        (found for kind in ("httpGet", "tcpSocket", "grpc") if (found := node.get(kind, "port"))), None
    )
    path = node.get("httpGet", "path")
    return Probe(
        node,
        port.text if port else None,
        path.string if path else "",
        _number(node, "initialDelaySeconds", 0),
        _number(node, "periodSeconds", 10),
        _number(node, "failureThreshold", 3),
    )


def _number(node: Node, key: str, default: int) -> int:
    found = node.get(key)
    number = found.number if found else None
    return default if number is None else number
