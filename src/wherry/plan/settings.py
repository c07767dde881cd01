"""What the image's configuration says: user, environment, command, ports, labels."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from wherry.plan.environment import environment
from wherry.plan.model import Settings
from wherry.project.values import NONROOT

if TYPE_CHECKING:
    from collections.abc import Collection

    from wherry.bases.model import Base
    from wherry.layers.model import Layout
    from wherry.project.command import Command
    from wherry.project.project import Project
    from wherry.project.values import User

HOME: Final = "/home/nonroot"
"""Home of the image's user; a Debian base of ours has it, other bases get it with the environment."""

_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CA_BUNDLE: Final = "/etc/ssl/certs/ca-certificates.crt"


def make_settings(
    project: Project, base: Base, layout: Layout, command: Command, names: Collection[str]
) -> Settings:
    """The configuration of the project's image.

    Args:
        project: Its ``[tool.wherry]`` overrides everything else.
        base: Its environment and, where it has a numeric one, its user are respected.
        layout: Where the virtual environment is.
        command: What the container runs.
        names: Normalized names of all distributions in the image.

    """
    config = project.config
    env = dict(entry.partition("=")[::2] for entry in base.env)
    env["PATH"] = f"{layout.prefix}/bin:{env.get('PATH') or _SYSTEM_PATH}"
    env |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "HOME": HOME}
    env.setdefault("LANG", "C.UTF-8")
    if base.packages:
        env["SSL_CERT_FILE"] = _CA_BUNDLE
    else:
        env["USER"] = "nonroot"  # the base's passwd may not know the user: getpass.getuser() then asks this
    env |= environment(names)
    env |= dict(command.env)
    if command.python_path:
        env["PYTHONPATH"] = ":".join(str(PurePosixPath(config.workdir, path)) for path in command.python_path)
    env |= config.env
    return Settings(
        command=command.argv,
        command_reason=command.reason,
        user=_user(config.user, base),
        workdir=config.workdir,
        env=tuple(env.items()),
        ports=tuple(map(str, config.ports)) or tuple(f"{port}/tcp" for port in command.ports),
        labels=tuple(sorted(_labels(project).items())),
    )


def _user(configured: User, base: Base) -> str:
    """The project's user; where it says nothing, a base's own if that is numeric and not root."""
    uid, _, gid = base.user.partition(":")
    if configured == NONROOT and uid.isdecimal() and int(uid) and (not gid or gid.isdecimal()):
        return base.user
    return str(configured)


def _labels(project: Project) -> dict[str, str]:
    """OCI's standard names for what pyproject.toml and git say (annotations.md), then the project's own."""
    facts = {
        "org.opencontainers.image.title": project.name,
        "org.opencontainers.image.version": project.version,
        "org.opencontainers.image.source": project.source_url,
        "org.opencontainers.image.revision": project.revision,
    }
    return {name: value for name, value in facts.items() if value} | project.config.labels
