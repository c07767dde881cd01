"""An image in a registry as ``wherry.lock`` has it: all that a plan needs, so that no byte of it is fetched.

Layers by digest, the configuration that images built on it inherit, its interpreters and its Debian packages,
one a line. What is read is hostile until checked; what is pinned is only what would be read back.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from wherry.bases.debian_version import is_version
from wherry.bases.model import FoundPackage, FoundPython
from wherry.bases.packages import is_package_name
from wherry.oci.media_types import LAYER_GZIP, layer_coding, oci_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.bases.image_scan import ImageFacts
    from wherry.oci.image import Image

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PYTHON: Final = re.compile(r"(?:/[\w.+@-]+)*/bin/python3\.[0-9]{1,3}", re.ASCII)
_VERSION: Final = re.compile(r"3\.[0-9]{1,3}\.[0-9]{1,3}")
_GLIBC: Final = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}")
_CODENAME: Final = re.compile(r"[a-z0-9.-]{1,40}")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_LAYER_LIMIT_BYTES: Final = 1 << 40
_LAYERS_LIMIT: Final = 256
_TEXT_LIMIT: Final = 1 << 16
_HISTORY_LIMIT: Final = 1 << 18


_Table: TypeAlias = dict[str, str | bool | int]
"""A line of a lock; also a line of history, which has no deeper values (config.md)."""


class PinnedLayer(msgspec.Struct, frozen=True, rename="kebab"):
    """A layer of an image, wherever its bytes are."""

    digest: str
    diff_id: str
    size_bytes: int
    media_type: str = LAYER_GZIP  # OCI's name


class PinnedImage(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """What planning needs to know of an image for one platform."""

    layers: tuple[PinnedLayer, ...]  # base first
    pythons: tuple[FoundPython, ...] = ()
    glibc: str = ""  # "2.36"; "" for none
    codename: str = ""  # of os-release: "bookworm"
    user: str = ""
    env: tuple[str, ...] = ()
    history: tuple[_Table, ...] = ()
    installed: tuple[FoundPackage, ...] = ()


def pin_image(image: Image, facts: ImageFacts) -> PinnedImage:
    """What is pinned of *image*, whose layers hold *facts*: of odd things only what a lock can say."""
    config = image.config.config
    return PinnedImage(
        layers=tuple(
            PinnedLayer(layer.digest, diff_id, layer.size_bytes, oci_name(layer.media_type))
            for layer, diff_id in image.layers()
        ),
        pythons=tuple(filter(_is_python, facts.pythons)),
        glibc=facts.glibc,
        codename=facts.codename if _CODENAME.fullmatch(facts.codename) else "",
        user=config.user if config else "",
        env=(config.env or ()) if config else (),
        history=_sayable(image.config.history),
        installed=tuple(filter(_is_package, facts.packages)),
    )


def image_fault(image: PinnedImage) -> str:
    """What is wrong with a pinned image that was read, in words; "" for nothing."""
    if not image.layers or len(image.layers) > _LAYERS_LIMIT or not all(map(_is_layer, image.layers)):
        return "a malformed layer"
    if not all(map(_is_python, image.pythons)) or (image.glibc and not _GLIBC.fullmatch(image.glibc)):
        return "a malformed Python or glibc"
    if not all(map(_is_package, image.installed)):
        return "a malformed installed package"
    texts = [image.codename, image.user, *image.env]
    if any("\0" in text or len(text) > _TEXT_LIMIT for text in texts):
        return "a malformed configuration"
    return ""


def image_lines(image: PinnedImage) -> list[str]:
    """The table of *image* in a lock, without its head: one layer, variable or package a line."""
    texts = {"glibc": image.glibc, "codename": image.codename, "user": image.user}
    return [
        *(f"{key} = {quoted(text)}" for key, text in texts.items() if text),
        *_list("env", map(quoted, image.env)),
        *_list("pythons", (_table({"path": p.path, "version": p.version}) for p in image.pythons)),
        *_list("layers", map(_layer_line, image.layers)),
        *_list("history", map(_table, image.history)),
        *_list("installed", (_table(_package_values(p)) for p in image.installed)),
    ]


def quoted(text: str) -> str:
    """A TOML basic string: JSON's, save that TOML wants DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _layer_line(layer: PinnedLayer) -> str:
    values: _Table = {"digest": layer.digest, "diff-id": layer.diff_id, "size-bytes": layer.size_bytes}
    if layer.media_type != LAYER_GZIP:
        values["media-type"] = layer.media_type
    return _table(values)


def _package_values(package: FoundPackage) -> _Table:
    values: _Table = {"name": package.name, "version": package.version}
    if package.provides:
        values["provides"] = package.provides
    return values


def _table(values: _Table) -> str:
    pairs = (f"{k if _BARE_KEY.fullmatch(k) else quoted(k)} = {_value(v)}" for k, v in values.items())
    return f"{{ {', '.join(pairs)} }}"


def _value(value: str | bool | int) -> str:  # noqa: FBT001 - one of TOML's values
    return quoted(value) if isinstance(value, str) else str(value).lower()


def _list(key: str, values: Iterable[str]) -> list[str]:
    lines = [f"  {value}," for value in values]
    return [f"{key} = [", *lines, "]"] if lines else []


def _sayable(history: Iterable[dict[str, object]]) -> tuple[_Table, ...]:
    """The history as it is; none where it holds more than config.md says, or has no honest one's size."""
    lines = [
        {key: value for key, value in line.items() if isinstance(value, str | bool | int)} for line in history
    ]
    whole = all(len(line) == len(original) for line, original in zip(lines, history, strict=True))
    return tuple(lines) if whole and len(json.dumps(lines)) <= _HISTORY_LIMIT else ()


def _is_layer(layer: PinnedLayer) -> bool:
    return (
        _DIGEST.fullmatch(layer.digest) is not None
        and _DIGEST.fullmatch(layer.diff_id) is not None
        and 0 <= layer.size_bytes <= _LAYER_LIMIT_BYTES
        and layer_coding(layer.media_type) is not None
    )


def _is_python(python: FoundPython) -> bool:
    named = _PYTHON.fullmatch(python.path) is not None and "/../" not in python.path
    told = _VERSION.fullmatch(python.version) is not None
    return named and (not python.version or (told and python.version.startswith(f"3.{python.minor}.")))


def _is_package(package: FoundPackage) -> bool:
    return (
        is_package_name(package.name)
        and is_version(package.version)
        and len(package.provides) <= _TEXT_LIMIT
        and package.provides.isprintable()
    )
