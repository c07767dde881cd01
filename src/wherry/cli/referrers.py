"""``wherry referrers``: what is attached to an image in a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from wherry.cli import options

if TYPE_CHECKING:
    from wherry.oci.registry.referrers import Referrer

_SHOWN: Final = 100  # characters of annotations


@click.command()
@click.argument("reference", metavar="REF")
@click.option("--artifact-type", default="", help="Only these, such as application/vnd.cyclonedx+json.")
@options.plain_http
@options.json_output
def command(*, reference: str, artifact_type: str, plain_http: bool, as_json: bool) -> None:
    """List what refers to an image in a registry: bills of materials, provenance, signatures.

    REF is HOST/NAME[:TAG] or HOST/NAME@DIGEST. Of an index, what refers to its images is listed as well.
    """
    from wherry.build.pull import parse_registry_reference
    from wherry.cli.console import print_json
    from wherry.oci.registry.client import Registries
    from wherry.oci.registry.referrers import image_referrers

    image = parse_registry_reference(reference)
    with Registries(plain_http=(image.host,) if plain_http else ()) as registries:
        found = image_referrers(image, registries, artifact_type)
    if as_json:
        print_json({"reference": str(image), "referrers": [_plain(referrer) for referrer in found]})
    elif found:
        click.echo("\n".join(_lines(found)))
    else:
        click.echo("nothing refers to it", err=True)


def _plain(referrer: Referrer) -> dict[str, object]:
    artifact = referrer.artifact
    return {
        "digest": artifact.digest,
        "artifact_type": artifact.artifact_type,
        "media_type": artifact.media_type,
        "size_bytes": artifact.size_bytes,
        "annotations": artifact.annotations,
        "subject": referrer.subject.digest,
        "platform": _platform(referrer),
    }


def _lines(found: list[Referrer]) -> list[str]:
    from wherry.report.amounts import columns, size

    rows = [["digest", "artifact type", "size", "of", ""]]
    rows += [
        [
            referrer.artifact.digest,
            _printable(referrer.artifact.artifact_type),
            size(referrer.artifact.size_bytes),
            _platform(referrer) or referrer.subject.digest.hex[:12],
            _annotations(referrer),
        ]
        for referrer in found
    ]
    return columns(rows, right=frozenset({2}), indent="")


def _platform(referrer: Referrer) -> str:
    spec = referrer.subject.platform
    return _printable("/".join(filter(None, (spec.os, spec.architecture, spec.variant)))) if spec else ""


def _annotations(referrer: Referrer) -> str:
    told = " ".join(f"{key}={value}" for key, value in sorted(referrer.artifact.annotations.items()))
    return _printable(told if len(told) <= _SHOWN else f"{told[:_SHOWN]}...")


def _printable(text: str) -> str:
    """What others wrote, without what moves a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)
