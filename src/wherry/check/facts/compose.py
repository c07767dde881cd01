"""Compose files: what their services say of building and running an image.

Gives ``read_compose(source, reader)`` -> services, and ``is_compose_name``. ``ComposeService``:
    name: Text, node, path           the service; node.get(...) reaches any other key, with merges
    image, target, user, shm_size, ipc, network_mode, pid, runtime, platform, restart: Text | None
    context_path, dockerfile_path    where it builds from: Path, joined with the file's directory; None when
                                     it does not build, or from an address
    builds(path)                     whether it builds that Dockerfile
    build_args, environment          EnvironmentEntry(name, text: Text of the value or None, place). A value
                                     may be a secret: print ``shown(value)`` (requirement.py), never itself
    env_files, volumes, ports, command, entrypoint, devices, cap_add, security_opt, profiles: tuple[Text, ...]
                                     long volumes and ports come as "source:target", "published:target"
    gpu, gpu_count                   Text of what asks for a GPU (device reservation, gpus, runtime: nvidia),
                                     or None; "all", "2", or "" when not said
    privileged, read_only            Text | None of a true value
    has_healthcheck, is_healthcheck_disabled
    memory_limit                     Text | None: deploy.resources.limits.memory or mem_limit

``extends`` in the same file and an override file beside (``compose.override.yaml``) are carried out: a value
that the service does not have itself is taken from there. ``${VARIABLE}`` stays as written.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.check.facts.compose_values import EnvironmentEntry, entries_of, pairs_of, scalars_of
from wherry.check.facts.texts import Text
from wherry.check.facts.yaml_nodes import parse_documents
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.texts import Reader
    from wherry.check.facts.yaml_nodes import Node
    from wherry.check.model import Place
    from wherry.dockerfile.source import Source

_NAME: Final = regex(r"(?:docker-)?compose(?:[._-][\w.-]+)?\.ya?ml|[\w-]+[._-](?:docker-)?compose\.ya?ml")
_OVERRIDE: Final = regex(r"((?:docker-)?compose)\.override\.(ya?ml)")
_GPU_CAPABILITIES: Final = frozenset({"gpu", "nvidia", "compute", "utility", "tpu"})
_MOST_SERVICES: Final = 500
_MOST_EXTENDED: Final = 10


def is_compose_name(name: str) -> bool:
    """Whether a file of that name is a compose file."""
    return _NAME.fullmatch(name.lower()) is not None


class ComposeService(Frozen, dict=True):
    """One service; the module says what can be asked."""

    name: Text
    node: Node
    path: Path
    layers: tuple[Node, ...]  # an override, itself, what it extends

    def first(self, *keys: str) -> Node | None:
        """The node at a path of keys in the service, else in what it extends."""
        return next((node for layer in self.layers if (node := layer.get(*keys))), None)

    def all(self, *keys: str) -> list[Node]:
        """The nodes at a path of keys, of the service and what it extends: lists are added together."""
        return [node for layer in self.layers if (node := layer.get(*keys))]

    def _text(self, *keys: str) -> Text | None:
        node = self.first(*keys)
        return node.text if node else None

    def _true(self, *keys: str) -> Text | None:
        node = self.first(*keys)
        return node.text if node and node.is_true else None

    def _texts(self, *keys: str) -> tuple[Text, ...]:
        return tuple(text for node in self.all(*keys) for text in node.texts())

    @property
    def source(self) -> Source:
        """The file."""
        return self.node.source

    @property
    def place(self) -> Place:
        """Where the service is named."""
        return self.name.place

    @property
    def image(self) -> Text | None:
        """The image it runs, or is tagged with."""
        return self._text("image")

    @property
    def build(self) -> Node | None:
        """What it builds."""
        return self.first("build")

    @property
    def target(self) -> Text | None:
        """The stage it builds."""
        return self._text("build", "target")

    @cached_property
    def context_path(self) -> Path | None:
        """The directory it builds from."""
        build = self.build
        if build is None:
            return None
        context = build.string if build.kind == "scalar" else self._string("build", "context") or "."
        plain = _defaulted(context)
        if plain is None or "://" in plain or plain.startswith("git@"):
            return None
        return _joined(self.path.parent, plain)

    @cached_property
    def dockerfile_path(self) -> Path | None:
        """The Dockerfile it builds; None when it has none of its own or writes it inline."""
        context = self.context_path
        if context is None or self.first("build", "dockerfile_inline"):
            return None
        plain = _defaulted(self._string("build", "dockerfile") or "Dockerfile")
        return _joined(context, plain) if plain else None

    def builds(self, dockerfile: Path) -> bool:
        """Whether it builds the Dockerfile at that path."""
        mine = self.dockerfile_path
        return mine is not None and os.path.abspath(mine) == os.path.abspath(dockerfile)  # noqa: PTH100 - links stay

    def _string(self, *keys: str) -> str:
        text = self._text(*keys)
        return text.value if text else ""

    @property
    def build_args(self) -> tuple[EnvironmentEntry, ...]:
        """Arguments of the build."""
        return entries_of(self.all("build", "args"))

    @property
    def environment(self) -> tuple[EnvironmentEntry, ...]:
        """Variables of the container."""
        return entries_of(self.all("environment"))

    @property
    def env_files(self) -> tuple[Text, ...]:
        """Files of variables."""
        nodes = [part for node in self.all("env_file") for part in (node.elements() or [node])]
        found = [(part.get("path") or part) if part.kind == "mapping" else part for part in nodes]
        return tuple(text for node in found if (text := node.text))

    @property
    def command(self) -> tuple[Text, ...]:
        """What it runs: one text of the shell form, several of the list form."""
        node = self.first("command")
        return tuple(node.texts()) if node else ()

    @property
    def entrypoint(self) -> tuple[Text, ...]:
        """What it starts with."""
        node = self.first("entrypoint")
        return tuple(node.texts()) if node else ()

    @property
    def ports(self) -> tuple[Text, ...]:
        """Ports it publishes."""
        return pairs_of(self.all("ports"), "published", "target")

    @property
    def expose(self) -> tuple[Text, ...]:
        """Ports that other services see."""
        return self._texts("expose")

    @property
    def volumes(self) -> tuple[Text, ...]:
        """What is mounted."""
        return pairs_of(self.all("volumes"), "source", "target")

    @property
    def devices(self) -> tuple[Text, ...]:
        """Devices of the host."""
        return self._texts("devices")

    @property
    def cap_add(self) -> tuple[Text, ...]:
        """Capabilities beyond the usual."""
        return self._texts("cap_add")

    @property
    def security_opt(self) -> tuple[Text, ...]:
        """Security options."""
        return self._texts("security_opt")

    @property
    def profiles(self) -> tuple[Text, ...]:
        """Profiles it belongs to."""
        return self._texts("profiles")

    @property
    def user(self) -> Text | None:
        """Who it runs as."""
        return self._text("user")

    @property
    def shm_size(self) -> Text | None:
        """The size of /dev/shm."""
        return self._text("shm_size")

    @property
    def ipc(self) -> Text | None:
        """Whose shared memory it has."""
        return self._text("ipc")

    @property
    def network_mode(self) -> Text | None:
        """Whose network it has."""
        return self._text("network_mode")

    @property
    def pid(self) -> Text | None:
        """Whose processes it sees."""
        return self._text("pid")

    @property
    def runtime(self) -> Text | None:
        """The container runtime."""
        return self._text("runtime")

    @property
    def platform(self) -> Text | None:
        """The platform it asks for."""
        return self._text("platform")

    @property
    def restart(self) -> Text | None:
        """What happens when it ends."""
        return self._text("restart")

    @property
    def privileged(self) -> Text | None:
        """That it may do anything."""
        return self._true("privileged")

    @property
    def read_only(self) -> Text | None:
        """That its root file system cannot be written."""
        return self._true("read_only")

    @property
    def has_healthcheck(self) -> bool:
        """Whether it is asked how it is."""
        return self.first("healthcheck") is not None and not self.is_healthcheck_disabled

    @property
    def is_healthcheck_disabled(self) -> bool:
        """Whether a check of the image is switched off."""
        tests = self.all("healthcheck", "test")
        return self._true("healthcheck", "disable") is not None or any(
            text.value.upper() == "NONE" for node in tests for text in node.texts()[:1]
        )

    @property
    def memory_limit(self) -> Text | None:
        """How much memory it may have."""
        return self._text("deploy", "resources", "limits", "memory") or self._text("mem_limit")

    @cached_property
    def _gpu(self) -> tuple[Text, str] | None:
        for node in self.all("deploy", "resources", "reservations", "devices"):
            for device in node.elements():
                capabilities = device.get("capabilities")
                wanted = {text.value.lower() for part in (capabilities,) if part for text in scalars_of(part)}
                driver = device.get("driver")
                if wanted & _GPU_CAPABILITIES or (driver and "nvidia" in driver.string.lower()):
                    count = device.get("count")
                    return Text(
                        "a device reservation", device.source, device.span
                    ), count.string if count else ""
        for node in self.all("gpus"):
            text = Text("gpus", node.source, node.span)
            return text, node.string if node.kind == "scalar" else ""
        runtime = self.runtime
        if runtime and runtime.value.startswith("nvidia"):
            return runtime, ""
        named = next(
            (device for device in self.devices if "nvidia" in device.value or "/dev/kfd" in device.value),
            None,
        )
        return (named, "") if named else None

    @property
    def gpu(self) -> Text | None:
        """What asks for a GPU."""
        return self._gpu[0] if self._gpu else None

    @property
    def gpu_count(self) -> str:
        """How many GPUs it asks for."""
        return self._gpu[1] if self._gpu else ""


def read_compose(
    source: Source, reader: Reader, override: Source | None = None
) -> tuple[ComposeService, ...]:
    """The services of a compose file, and what an override file says of them."""
    path = Path(source.name)
    over = parse_documents(override, reader) if override else ()
    found: list[ComposeService] = []
    for document in parse_documents(source, reader)[:1]:
        services = document.get("services")
        for name, node in services.items()[:_MOST_SERVICES] if services else ():
            layers = [node, *_extended(node, services)] if services else [node]
            above = over[0].get("services", name.value) if over else None
            found.append(ComposeService(name, node, path, tuple([above, *layers] if above else layers)))
    return tuple(found)


def override_of(path: Path) -> list[Path]:
    """Where ``docker compose`` looks for an override of that file."""
    if path.stem not in {"compose", "docker-compose"}:
        return []
    return [path.with_name(f"{path.stem}.override{suffix}") for suffix in (".yaml", ".yml")]


def is_override_name(name: str) -> bool:
    """Whether a file only says more of the services of another."""
    return _OVERRIDE.fullmatch(name) is not None


def _extended(node: Node, services: Node) -> list[Node]:
    """The services that one extends in its own file, nearest first; loops end."""
    found: list[Node] = []
    place: Node | None = node
    while place and len(found) < _MOST_EXTENDED:
        extends = place.get("extends")
        named = extends if extends is None or extends.kind == "scalar" else extends.get("service")
        if named is None or (extends and extends.get("file")):
            break
        place = services.get(named.string)
        if place is None or place is node or place in found:
            break
        found.append(place)
    return found


def _defaulted(text: str) -> str | None:
    """``${X:-y}`` is ``y``; a variable without a default makes a path unknown."""
    plain = re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", text)
    return None if "$" in plain else plain


def _joined(directory: Path, plain: str) -> Path:
    return Path(os.path.normpath(directory / plain))
