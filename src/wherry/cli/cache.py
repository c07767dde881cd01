"""``wherry cache``: look after the local store."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Final

import click

from wherry.cli import options
from wherry.errors import InputError
from wherry.regex import regex

_SIZE: Final = regex(r"(\d{1,9})\s*([kMGT]?)B?", re.IGNORECASE)
_AGE: Final = regex(r"(\d{1,6})\s*([hdw])", re.IGNORECASE)


@click.group(invoke_without_command=True)
@options.json_output
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Show, verify and prune the local store."""
    if ctx.invoked_subcommand is not None:
        return
    from wherry.build.housekeeping import unpacked_usage, uploads_usage
    from wherry.report.amounts import columns, size
    from wherry.store.prune import usage
    from wherry.store.store import Store

    store = Store.open()
    used, unpacked, uploads = usage(store), unpacked_usage(store), uploads_usage(store)
    beside = (unpacked.images, unpacked.interpreters, uploads)
    total = used.size_bytes + sum(amount.size_bytes for amount in beside)
    if as_json:
        found = {"root": str(store.root), "size_bytes": total, **asdict(used)}
        found |= {"unpacked": asdict(unpacked), "uploads": asdict(uploads)}
        click.echo(json.dumps(found, indent=2))
        return
    rows = [
        [title, str(amount.count), size(amount.size_bytes)]
        for title, amount in (
            ("blobs of images", used.images),
            ("layers no image needs now", used.layers),
            ("wheels and packages", used.files),
            ("downloads that have begun", used.partial),
            ("uploads that have begun", uploads),
            ("your files, used in place", used.borrowed),
            ("remembered results", used.results),
            ("unpacked images", unpacked.images),
            ("interpreters that compile", unpacked.interpreters),
        )
    ]
    head = f"{store.root}: {size(total)}, {_images(used.tags)}"
    click.echo("\n".join([head, *columns(rows, right=frozenset({1, 2}))]))


@command.command()
@options.quiet
def verify(*, quiet: bool) -> int:
    """Read every blob and remove those whose bytes are not what their names say. Exit code 1 if any."""
    from wherry.cli.console import show_progress
    from wherry.store.prune import verify as verify_store
    from wherry.store.store import Store

    with show_progress(quiet=quiet) as progress:
        corrupt = verify_store(Store.open(), progress)
    for digest in corrupt:
        click.echo(f"corrupt, removed: {digest}")
    if not quiet:
        click.echo(
            "every blob is whole" if not corrupt else f"{len(corrupt)} corrupt blobs removed: build again"
        )
    return 1 if corrupt else 0


@command.command()
@click.option("--keep", metavar="SIZE", help="Keep the most lately used, up to this size in all: 20GB.")
@click.option("--older-than", metavar="AGE", help="Only what was not used for this long: 12h, 30d, 4w.")
@click.option("--all", "everything", is_flag=True, help="Everything, images too.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def prune(*, keep: str | None, older_than: str | None, everything: bool, dry_run: bool) -> None:
    """Remove what no image needs."""
    from wherry.build.housekeeping import prune_unpacked, prune_uploads, unpacked_usage, uploads_usage
    from wherry.report.amounts import size
    from wherry.store.prune import Amount, usage
    from wherry.store.prune import prune as prune_store
    from wherry.store.store import Store

    store, keep_bytes, older_than_s = Store.open(), _size(keep), _age(older_than)
    done = prune_store(
        store,
        keep_bytes=keep_bytes,
        older_than_s=older_than_s,
        everything=everything,
        dry_run=dry_run,
    )
    uploads = Amount()
    if everything or keep_bytes is None:  # next to no room is made by them
        uploads = prune_uploads(store, older_than_s=older_than_s, dry_run=dry_run)
    room_bytes = None
    if keep_bytes is not None:
        other = usage(store).size_bytes + unpacked_usage(store).interpreters.size_bytes
        other += uploads_usage(store).size_bytes
        room_bytes = keep_bytes - other + (done.blobs.size_bytes if dry_run else 0)
    unpacked = prune_unpacked(store, room_bytes=room_bytes, everything=everything, dry_run=dry_run)
    verb = "would remove" if dry_run else "removed"
    parts = [f"{done.blobs.count} blobs, {size(done.blobs.size_bytes)}"]
    parts += [_images(done.tags)] if done.tags else []
    if unpacked.count:
        parts.append(f"{_images(unpacked.count, 'unpacked ')}, {size(unpacked.size_bytes)}")
    if uploads.count:
        parts.append(f"{uploads.count} upload{'' if uploads.count == 1 else 's'} that had begun")
    click.echo(f"{verb} {'; '.join(parts)}")


def _images(count: int, kind: str = "") -> str:
    return f"{count} {kind}image{'' if count == 1 else 's'}"


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InputError(f"--keep {text!r} is not a size", mend="write it like 500MB or 20GB")
    return int(match[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}[match[2].lower()]


def _age(text: str | None) -> float | None:
    if text is None:
        return None
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise InputError(f"--older-than {text!r} is not an age", mend="write it like 12h, 30d or 4w")
    return float(match[1]) * {"h": 3600, "d": 86_400, "w": 604_800}[match[2].lower()]
