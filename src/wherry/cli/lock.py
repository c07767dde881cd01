"""``wherry lock``: a lock for a project that has none, and pins for its base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from wherry.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.build.lock import Locked

_SHOWN: Final = 40
"""Changes named one by one: a new release of a suite changes a hundred packages."""

_UPGRADABLE: Final = ("base",)
_NOTHING: Final = "(nothing)"  # what `--upgrade` says when nothing stands behind it


def _upgradable(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value in {None, *_UPGRADABLE}:
        return value
    what = "--upgrade of what?" if value == _NOTHING else f"--upgrade cannot be of {value!r}:"
    raise click.UsageError(
        f"{what} 'wherry lock --upgrade base' renews the base;"
        " distributions are upgraded by the tool that locked them"
    )


@click.command()
@options.project_path
@options.base
@options.platform
@click.option(
    "--upgrade",
    metavar="base",
    is_flag=False,
    flag_value=_NOTHING,
    callback=_upgradable,
    help="Pin the base's newest packages, or the image that its tag means now, and say what changed.",
)
@options.plain_http
@options.verbose
@options.quiet
@options.json_output
def command(
    *,
    path: Path,
    base: str | None,
    platforms: tuple[str, ...],
    upgrade: str | None,
    plain_http: bool,
    verbose: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the lock of a project that has none, and pin its base in wherry.lock."""
    from wherry.build.lock import lock_project
    from wherry.cli.console import print_json, show_progress
    from wherry.store.store import Store

    asked = options.asked(
        path, platforms, base, "production", offline=False, find_links=(), plain_http=plain_http
    )
    with show_progress(quiet=quiet) as progress:
        locked = lock_project(asked, Store.open(), progress, upgrade_base=upgrade == "base")
    if as_json:
        print_json(
            {
                "lock": locked.lock or None,
                "base": locked.base,
                "pinned": locked.is_pinned,
                "renewed": locked.is_new,
                "released": locked.released or None,
                "changes": list(locked.changes),
            }
        )
    elif not quiet:
        click.echo("\n".join([*locked.words, *_changes(locked, verbose=verbose)]))


def _changes(locked: Locked, *, verbose: bool) -> list[str]:
    """What an upgrade changed, a line each, down to where nobody reads on."""
    if not locked.is_upgrade:
        return []
    shown = locked.changes if verbose else locked.changes[:_SHOWN]
    left = len(locked.changes) - len(shown)
    # It is done: a second run with -v would find nothing to change.
    more = [f"  ... and {left} more: see 'git diff wherry.lock', or give -v the next time"] if left else []
    return [*(f"  {line}" for line in shown or ("nothing changed",)), *more]
