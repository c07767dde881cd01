"""``wherry logout``: the name and password for a registry, forgotten."""

from __future__ import annotations

import click

from wherry.cli import options


@click.command()
@click.argument("host")
@options.quiet
def command(*, host: str, quiet: bool) -> None:
    """Forget the name and password for the registry at HOST."""
    import os

    from wherry.oci.registry.credentials import Keychain, docker_file
    from wherry.oci.registry.endpoint import registry_host
    from wherry.oci.registry.logins import forget_login

    host = registry_host(host)
    found = forget_login(docker_file(os.environ), host)
    left = Keychain.of_environment().find(host)
    if left is not None:
        click.echo(f"note: {left.source} still knows a login for {host}", err=True)
    if not quiet:
        click.echo(f"logged out of {host}: {', '.join(found)}" if found else f"not logged in to {host}")
