"""Logins kept and forgotten: in the file that Docker, Podman and others read too, or in the helper it names.

Everything else in the file stays. It is written whole or not at all, and readable by its owner alone.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wherry.errors import InputError
from wherry.oci.registry import credential_helper
from wherry.oci.registry.credentials import host_of_key, parse_file, read_file, server_key
from wherry.store.whole import whole_file, world_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_AUTHS: Final = "auths"


def keep_login(path: Path, host: str, user: str, password: str) -> str:
    """Keep a name and password that the registry accepted.

    Args:
        path: Docker's file, as `credentials.docker_file` finds it.
        host: The registry, in the spelling of `registry_host`.
        user: The name.
        password: The password, or a token that stands for it.

    Returns:
        Where it is kept: the path, or the helper's name.

    Raises:
        InputError: The file cannot be understood, or the name cannot be kept.
        WorldError: The helper fails, or the file cannot be written.

    """
    if ":" in user:
        raise InputError("a name with a colon cannot be sent to a registry", mend="check the name")
    document = _read(path)
    helper = next(_helpers(path, host), None)
    if helper is None:
        pair = f"{user}:{password}".encode(errors="surrogateescape")
        entry = {"auth": base64.b64encode(pair).decode()}
    else:
        _require_text(helper, user, password)
        credential_helper.store(helper, server_key(host), user, password)
        entry = {}  # as Docker: the entry says that there is a login, the helper knows it
    _write(path, {**document, _AUTHS: {**_without(document, host), server_key(host): entry}})
    return str(path) if helper is None else f"docker-credential-{helper}"


def _require_text(helper: str, *texts: str) -> None:
    """See that a helper, which is spoken to in JSON, can be told these."""
    if any("\udc80" <= character <= "\udcff" for text in texts for character in text):
        what = f"docker-credential-{helper} can only be told a name and password in UTF-8"
        raise InputError(what, mend="choose another password, or take credsStore out of docker's config.json")


def forget_login(path: Path, host: str) -> list[str]:
    """Forget the name and password for a registry.

    Args:
        path: Docker's file, as `credentials.docker_file` finds it.
        host: The registry, in the spelling of `registry_host`.

    Returns:
        Where it was kept until now; nothing if it was nowhere.

    Raises:
        InputError: The file cannot be understood.
        WorldError: It cannot be written.

    """
    document = _read(path)
    found = []
    for helper in _helpers(path, host):
        known = credential_helper.ask(helper, server_key(host)) is not None
        if known and credential_helper.erase(helper, server_key(host)):
            found.append(f"docker-credential-{helper}")
    kept = _without(document, host)
    if kept != (document.get(_AUTHS) or {}):
        _write(path, {**document, _AUTHS: kept})
        found.append(str(path))
    return found


def _read(path: Path) -> dict[str, Any]:
    """The whole file, for writing it again."""
    data = read_file(path)
    parse_file(data, str(path))
    document: dict[str, Any] = json.loads(data)
    return document


def _helpers(path: Path, host: str) -> Iterator[str]:
    """The helpers that the file names for *host*: its own, then the one for all."""
    file = parse_file(read_file(path), str(path))
    yield from (helper for key, helper in (file.helpers or {}).items() if host_of_key(key) == host)
    if file.store:
        yield file.store


def _without(document: dict[str, Any], host: str) -> dict[str, Any]:
    """The entries of the file but those for *host*; those for a path below it stay."""
    entries: dict[str, Any] = document.get(_AUTHS) or {}
    return {key: entry for key, entry in entries.items() if host_of_key(key) != host}


def _write(path: Path, document: dict[str, Any]) -> None:
    target = Path(os.path.realpath(path))  # the file may be a link into a user's other files
    with world_errors(target):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with whole_file(target) as sink:
        os.fchmod(sink.fileno(), 0o600)
        sink.write(json.dumps(document, indent="\t", ensure_ascii=False).encode() + b"\n")
