"""``wherry login``: a name and password for a registry, checked before they are kept."""

from __future__ import annotations

import sys
from typing import Final

import click

from wherry.cli import options

_LONGEST: Final = 64 << 10


@click.command()
@click.argument("host")
@click.option("-u", "--username", "user", help="The name; asked for on a terminal if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@options.plain_http
@options.quiet
def command(*, host: str, user: str | None, password_stdin: bool, plain_http: bool, quiet: bool) -> None:
    """Keep a name and password for the registry at HOST, after it accepted them.

    They are kept where Docker and other tools look for them too: in Docker's config.json, or in the
    credential helper that it names.
    """
    import os

    from wherry.oci.registry.client import Registry
    from wherry.oci.registry.credentials import Keychain, Login, docker_file
    from wherry.oci.registry.endpoint import registry_host
    from wherry.oci.registry.logins import keep_login

    host = registry_host(host)
    user, password = _ask(user, password_stdin=password_stdin)
    source = "standard input" if password_stdin else "what you typed"
    correction = f"check the name {user} and the password from {source}, and try again"
    login = Login(source, user, password, correction=correction)
    registry = Registry(host, keychain=Keychain(logins={host: login}), plain_http=plain_http)
    try:
        was_asked = registry.retrying(registry.greet)
    finally:
        registry.close()
    where = keep_login(docker_file(os.environ), host, login.user, login.password)
    if quiet:
        return
    click.echo(f"logged in to {host} as {login.user}; kept in {where}")
    if not was_asked:
        click.echo(f"note: {host} did not ask for a password, so it is not checked", err=True)


def _ask(user: str | None, *, password_stdin: bool) -> tuple[str, str]:
    """The name and password."""
    from wherry.errors import InputError

    on_terminal = sys.stdin.isatty()
    if not user:
        if password_stdin or not on_terminal:
            raise click.UsageError("give the name with -u")
        user = click.prompt("Username", err=True)
    if password_stdin:
        data = sys.stdin.buffer.read(_LONGEST + 1)  # whatever bytes the registry accepts
        password = data.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")
    elif on_terminal:
        password = click.prompt(f"Password for {user}", hide_input=True, err=True)
    else:
        raise click.UsageError("standard input is no terminal to ask for a password on: use --password-stdin")
    if not password or len(password) > _LONGEST:
        raise InputError("the password is empty or too long", mend="check what --password-stdin was given")
    return str(user), password
