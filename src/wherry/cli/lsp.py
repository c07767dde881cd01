"""``wherry lsp``: the language server, on standard input and output."""

from __future__ import annotations

import click


@click.command()
@click.option("--stdio", is_flag=True, help="Accepted for editors that say so; there is no other way.")
def command(*, stdio: bool) -> int:  # noqa: ARG001 - said for form's sake
    """Serve an editor: findings as one types, quick fixes, a rule's page under the pointer."""
    try:
        from wherry.editor.server import make_server
    except ModuleNotFoundError as error:
        from wherry.errors import WorldError

        raise WorldError(
            f"the language server needs {error.name}, which is not installed",
            mend="pip install 'wherry[lsp]'",
        ) from None
    server = make_server()
    server.start_io()
    return 0 if server.was_shut_down else 1  # as the protocol has it
