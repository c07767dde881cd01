"""What compose services and Kubernetes containers that run the image say of GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.deployments import Running
from wherry.check.rules.gpu._shipping import named, says_cuda, shipped_frameworks

if TYPE_CHECKING:
    from wherry.check.facts import Facts
    from wherry.check.facts.compose import ComposeService
    from wherry.check.model import Place

_NONE: Final = frozenset({"", "-1", "none", "void", "NoDevFiles"})
VISIBLE: Final = frozenset({"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"})


def gpu_image(facts: Facts) -> tuple[str, Place] | None:
    """Why the image is made for a GPU, in words, and where that is said; None where nothing says so."""
    if facts.target.base.is_client:
        return None
    if facts.target.base.is_gpu:
        return f"its base is {facts.target.base.reference}", facts.place(facts.target.chain[-1].base_span)
    for found in shipped_frameworks(facts):
        if says_cuda(found.framework):
            text = found.framework.text
            place = text.place if text else facts.place(found.install.span)
            return f"{named(found.framework)} is there for CUDA", place
    return None


def cpu_image(facts: Facts) -> tuple[str, Place] | None:
    """Why nothing in the image can use a GPU; None where something can, or may."""
    shipped = shipped_frameworks(facts)
    if facts.target.base.is_gpu or not shipped:
        return None
    if any(found.framework.build != "cpu" for found in shipped):
        return None
    first = shipped[0].framework
    place = first.text.place if first.text else facts.place(shipped[0].install.span)
    return f"{named(first)} is built for the CPU", place


def services(facts: Facts) -> list[ComposeService]:
    """The compose services that run the stage that is judged."""
    target = facts.target
    names = {None, target.name or "", str(target.index)}
    return [
        service
        for service in facts.compose
        if (service.target.value.lower() if service.target else None) in names
    ]


def with_overlays(facts: Facts, service: ComposeService) -> list[ComposeService]:
    """A service and what other files say of one of its name: ``docker compose -f a.yaml -f a.gpu.yaml``."""
    others = facts.neighbours.all_compose if facts.neighbours else ()
    name = service.name.value
    return [service, *(one for one in others if one.name.value == name and one.node is not service.node)]


def with_patches(facts: Facts, running: Running) -> list[Running]:
    """A container and what other documents say of it, as overlays of kustomize do."""
    name, own = running.workload.name, running.container.name
    if name is None or own is None:
        return [running]
    return [
        running,
        *(
            Running(workload, container)
            for workload in facts.workloads
            if workload.kind == running.workload.kind and str(workload.name) == name.value
            for container in workload.containers
            if str(container.name) == own.value and container.node is not running.container.node
        ),
    ]


def service_asks(service: ComposeService) -> bool:
    """A compose service gets a GPU, or says in its variables which it sees."""
    if service.gpu or service.first("deploy", "resources", "reservations", "generic_resources"):
        return True
    return any(one.name in VISIBLE for one in service.environment)


def service_declines(service: ComposeService) -> bool:
    """A compose service says that it wants none."""
    return "cpu" in service.name.value.lower().replace("-", "_").split("_") or any(
        one.name in VISIBLE and one.text is not None and one.text.value in _NONE
        for one in service.environment
    )


def container_asks(running: Running) -> bool:
    """A container of a pod gets a GPU: by a resource, a claim, or a variable of the node's runtime."""
    container = running.container
    if container.gpu or container.node.get("resources", "claims"):
        return True
    return any(one.name in VISIBLE for one in container.environment)
