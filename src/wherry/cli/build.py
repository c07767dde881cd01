"""``wherry build``: project and lock in, image out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wherry.cli import options

if TYPE_CHECKING:
    from wherry.build.deliver import Destination


@click.command()
@options.build_options
@click.option("-t", "--tag", "name", help="Name of the image: NAME or NAME:TAG. Default: the project's name.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    help="Also write it to oci:DIR, oci-archive:FILE, docker-archive:FILE, docker-daemon:NAME or"
    " docker://HOST/NAME:TAG. Repeatable.",
)
@click.option("--push", is_flag=True, help="Also push it: --tag is then HOST/NAME or HOST/NAME:TAG.")
@options.plain_http
@click.option("--load", is_flag=True, help="Also load it into docker or podman.")
@click.option(
    "--cache-from",
    metavar="REPOSITORY",
    help="Ask the layer index there. Default: cache in [tool.wherry]; none: ask nowhere.",
)
@click.option(
    "--cache-to",
    metavar="REPOSITORY",
    help="Tell the layer index there what was made. Default: with --push, cache in [tool.wherry].",
)
@click.option(
    "--metadata-file", type=click.Path(path_type=Path, dir_okay=False), help="Write the result as JSON."
)
@click.option("--sbom", is_flag=True, help="Attach a bill of materials (CycloneDX) and the provenance.")
@click.option(
    "--sbom-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Attach them, and write the bill of materials there: of several platforms, each to its own.",
)
@click.option("--provenance", is_flag=True, help="Attach the provenance (SLSA) alone.")
@click.option(
    "--check-reproducible",
    is_flag=True,
    help="Build a second time from nothing under other conditions and compare every byte.",
)
@options.quiet
@options.json_output
def command(
    *,
    path: Path,
    platforms: tuple[str, ...],
    base: str | None,
    target: str,
    compression: str | None,
    prefetch: Path | None,
    offline: bool,
    find_links: tuple[Path, ...],
    name: str | None,
    outputs: tuple[str, ...],
    push: bool,
    plain_http: bool,
    load: bool,
    cache_from: str | None,
    cache_to: str | None,
    metadata_file: Path | None,
    sbom: bool,
    sbom_file: Path | None,
    provenance: bool,
    check_reproducible: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Build an image from a project and its lock: no Docker, no root, the same bytes everywhere."""
    from wherry.build.image import build_image
    from wherry.cli.console import show_progress
    from wherry.report.builds import build_json, build_lines
    from wherry.store.store import Store

    asked = options.asked(
        path,
        platforms,
        base,
        target,
        offline=offline,
        find_links=find_links,
        name=name,
        compression=compression,
        prefetch=prefetch,
    )
    with_sbom = sbom or sbom_file is not None
    asked = replace(asked, sbom=with_sbom, provenance=provenance or with_sbom, plain_http=plain_http)
    asked = replace(asked, cache_from=cache_from, cache_to=cache_to)
    if push:
        if offline:
            raise click.UsageError("--push needs the network: leave out --offline")
        outputs = (*outputs, _pushed(name))
    destinations = _destinations(outputs, load=load) if outputs or load else []
    store = Store.open()
    with show_progress(quiet=quiet or as_json) as progress:
        result = build_image(asked, store, progress, destinations)
        if check_reproducible:
            from wherry.build.reproduce import check_reproducible as check  # rarely asked

            check(asked, result, store, progress)
    if sbom_file is not None:
        from wherry.build.attachments import write_sboms  # only where asked for

        write_sboms(sbom_file, result, store)
    document = json.dumps(build_json(result), indent=2)
    if metadata_file is not None:
        _write_whole(metadata_file, document + "\n")
    if as_json:
        click.echo(document)
    elif quiet:
        click.echo(result.descriptor.digest)
    else:
        lines = build_lines(result)
        if check_reproducible:
            lines.append("  reproducible: a second build under other conditions gave the same bytes")
        click.echo("\n".join([*lines, *(f"note: {note}" for note in result.notes)]))
    for line in result.broken_budgets:
        click.echo(f"over budget: {line}", err=True)
    return 1 if result.broken_budgets else 0


def _pushed(name: str | None) -> str:
    """Where ``--push`` pushes to: the image's own name, which is then a registry's."""
    from wherry.build.push import registry_destination

    if name is None:
        raise click.UsageError("--push needs --tag HOST/NAME or HOST/NAME:TAG")
    return str(registry_destination(name))


def _destinations(outputs: tuple[str, ...], *, load: bool) -> list[Destination]:
    from wherry.build.deliver import LocalEngine, parse_destination  # most builds stay here

    return [*map(parse_destination, outputs), *([LocalEngine()] if load else [])]


def _write_whole(path: Path, text: str) -> None:
    from wherry.store.whole import whole_file  # only for --metadata-file

    with whole_file(path) as file:
        file.write(text.encode())
