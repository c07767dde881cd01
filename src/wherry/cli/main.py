"""The command tree. A command's module is imported only when it is the one called."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING, Final

import click

from wherry import __version__
from wherry.errors import WherryError, WorldError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED: Final = 130

_COMMANDS: Final = {
    "build": "Build an image from a project and its lock.",
    "plan": "Show the layers that would be built, and why.",
    "check": "Say what is wrong with Dockerfiles, what it costs, and mend it.",
    "lsp": "Serve an editor with what check finds.",
    "run": "Start an image with docker, podman, crun, runc or bubblewrap.",
    "lock": "Write the lock of a project that has none, and pin its base.",
    "images": "List the images in the store.",
    "rm": "Remove images from the store.",
    "push": "Bring an image of the store into a registry.",
    "save": "Write an image of the store to a directory, a file or a daemon.",
    "pull": "Bring an image of a registry into the store.",
    "copy": "Copy an image from anywhere to anywhere.",
    "referrers": "List what refers to an image in a registry: SBOMs, provenance, signatures.",
    "login": "Keep a name and password for a registry.",
    "logout": "Forget the name and password for a registry.",
    "cache": "Show, verify and prune the local store.",
}

_TRANSFERS: Final = frozenset({"build", "lock", "plan", "push", "pull", "copy", "save"})


class _LazyGroup(click.Group):
    """Lists commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"wherry.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name not in _COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches  # only for a mistyped name

            near = get_close_matches(name, _COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else " See 'wherry --help'."
            raise click.UsageError(f"there is no command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="wherry %(version)s")
def wherry() -> None:
    """Small, reproducible container images for machine learning, from a Python project and its lock."""


def run(arguments: Sequence[str]) -> int:  # noqa: PLR0911 - one for each way to end
    """Run one command line.

    Returns:
        The exit code: 0 done, 1 findings, 2 bad input or usage, 3 the world failed, 130 interrupted.

    """
    try:
        code = wherry.main(list(arguments), prog_name="wherry", standalone_mode=False)
    except WherryError as error:
        return _fail(error)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.UsageError as error:
        click.echo(f"error: {_usage(error)}", err=True)
        return 2
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        begun = "; what was fetched or sent is kept, and the same command goes on there"
        kept = begun if next(iter(arguments), "") in _TRANSFERS else ""
        click.echo(f"interrupted: nothing was left half-written{kept}", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (``| head``): not an error of ours, but not success.
        sys.stdout = None
        return 3
    except OSError as error:
        return _fail(_explain(error))
    except Exception as error:
        if os.environ.get("WHERRY_DEBUG"):
            raise
        return _fail(
            WorldError(
                f"wherry met something it did not expect: {type(error).__name__}: {error}",
                mend="please report this defect, with what the same command prints under WHERRY_DEBUG=1",
            )
        )
    return code if isinstance(code, int) else 0


def _usage(error: click.UsageError) -> str:
    if error.ctx is None:
        return error.format_message()
    is_program = error.ctx.info_name == "run" and isinstance(error, click.NoSuchOption)
    hint = (
        "put -- before a command of the image's" if is_program else f"see '{error.ctx.command_path} --help'"
    )
    return f"{error.format_message()} ({hint})"


def _fail(error: WherryError) -> int:
    if os.environ.get("WHERRY_DEBUG"):
        import traceback  # only on request

        traceback.print_exception(error)
    click.echo("\n".join(error.lines()), err=True)
    return error.exit_code


def _explain(error: OSError) -> WorldError:
    where = os.fsdecode(error.filename) if error.filename else ""
    reason = error.strerror or str(error)
    if error.errno == errno.ENOSPC:
        return WorldError(
            "the disk is full",
            where=where,
            mend="make room with 'wherry cache prune', or set WHERRY_CACHE_DIR",
        )
    return WorldError(f"the system refused: {reason}", where=where, mend="check the path and its permissions")
