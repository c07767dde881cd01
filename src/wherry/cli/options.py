"""Options that several commands share, spelt and explained once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.build.options import BuildOptions
    from wherry.layers.model import Compression

_F = TypeVar("_F", bound="Callable[..., Any]")

project_path = click.argument("path", type=click.Path(path_type=Path), default=".", required=False)
quiet = click.option("-q", "--quiet", is_flag=True, help="Print only errors and the result.")
json_output = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Leave nothing out.")
offline = click.option("--offline", is_flag=True, help="Use no network: only the store and --find-links.")
find_links = click.option(
    "--find-links",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    help="A directory with wheels. Repeatable.",
)
plain_http = click.option(
    "--plain-http", is_flag=True, help="Talk without TLS to the registries that are named, wherever they are."
)
base = click.option(
    "--base",
    help="debian:bookworm or debian:trixie; an image of a registry, python:3.12-slim, HOST/NAME:TAG,"
    " NAME@sha256:...; or one on this disk, oci:DIR, oci-archive:FILE, docker-archive:FILE.",
)
platform = click.option(
    "--platform",
    "platforms",
    multiple=True,
    help="linux/amd64, linux/arm64; repeat or separate by commas for an index of several.",
)
target = click.option(
    "--target",
    type=click.Choice(["production", "dev"]),
    default="production",
    show_default=True,
    help="dev adds the development groups as further layers over the same production layers.",
)
compression = click.option(
    "--compression",
    type=click.Choice(["gzip", "zstd", "estargz"]),
    help="Of the layers that are made; estargz is gzip that snapshotters can fetch by the file.",
)
prefetch = click.option(
    "--prefetch",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A list of files that come first in an eStargz layer, as `wherry run --trace` writes it.",
)


def plain_hosts(*names: str) -> tuple[str, ...]:
    """The registries that --plain-http means among the images that a command line names.

    Raises:
        InputError: A name is not an image's.

    """
    from wherry.oci.reference import RegistryReference, parse_reference

    named = map(parse_reference, names)
    return tuple(place.host for place in named if isinstance(place, RegistryReference))


def build_options(function: _F) -> _F:
    """All that ``build`` and ``plan`` have in common."""
    for option in (find_links, offline, prefetch, compression, target, base, platform, project_path):
        function = option(function)
    return function


def asked(
    path: Path,
    platforms: tuple[str, ...],
    base: str | None,
    target: str,
    *,
    offline: bool,
    find_links: tuple[Path, ...],
    name: str | None = None,
    compression: str | None = None,
    prefetch: Path | None = None,
    plain_http: bool = False,
) -> BuildOptions:
    """What the options of ``build`` and ``plan`` ask for.

    Raises:
        InputError: A platform, directory or SOURCE_DATE_EPOCH is not one.

    """
    from wherry.build.options import BuildOptions
    from wherry.errors import InputError
    from wherry.oci.platform import Platform

    for directory in find_links:
        if not directory.is_dir():
            raise InputError(
                "--find-links is not a directory", where=str(directory), mend="name a directory of wheels"
            )
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or None
    if epoch is not None and not (epoch.isascii() and epoch.isdigit() and len(epoch) < 12):  # noqa: PLR2004 - year 5138
        raise InputError(
            f"SOURCE_DATE_EPOCH is {epoch[:40]!r}", mend="set it to seconds since 1970, or unset it"
        )
    return BuildOptions(
        path=path,
        name=name,
        platforms=tuple(dict.fromkeys(Platform.parse(p) for group in platforms for p in group.split(","))),
        base=base,
        dev=target == "dev",
        find_links=tuple(directory.absolute() for directory in find_links),
        offline=offline,
        source_date_epoch=int(epoch) if epoch else None,
        compression=cast("Compression | None", compression),  # as click checked
        prefetch=prefetch and prefetch.absolute(),
        plain_http=plain_http,
    )
