"""Docker's credential helpers: programs named docker-credential-*, asked on their standard input.

A program that is missing, fails, takes too long or talks too much knows no credentials: an image that needs
none is still to be had. Nothing that a helper says is ever shown.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from typing import Final

import msgspec

from wherry.errors import WorldError
from wherry.frozen import ready

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PATIENCE_S: Final = 60.0  # some ask the user to unlock a keyring
_LONGEST: Final = 64 << 10
_GLANCE_S: Final = 0.1
_ENDING_S: Final = 5.0


class Secret(msgspec.Struct, frozen=True):
    """What a helper knows for one server."""

    user: str = msgspec.field(default="", name="Username")
    secret: str = msgspec.field(default="", name="Secret")

    def __repr__(self) -> str:
        """Show nothing secret."""
        return "Secret()"


def ask(helper: str, server: str) -> Secret | None:
    """What ``docker-credential-HELPER`` knows for *server*, or None."""
    answer = _run(helper, "get", server.encode())
    if answer is None:
        return None
    try:
        found = msgspec.json.decode(answer, type=ready(Secret))
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if found.secret else None


def store(helper: str, server: str, user: str, secret: str) -> None:
    """Have ``docker-credential-HELPER`` keep the credentials.

    Raises:
        WorldError: It does not.

    """
    message = {"ServerURL": server, "Username": user, "Secret": secret}
    if _run(helper, "store", msgspec.json.encode(message)) is None:
        what = f"docker-credential-{helper} did not store the credentials"
        mend = "check the program, or take credsStore and credHelpers out of docker's config.json"
        raise WorldError(what, where=server, mend=mend)


def erase(helper: str, server: str) -> bool:
    """Have ``docker-credential-HELPER`` forget the credentials; whether it says that it did."""
    return _run(helper, "erase", server.encode()) is not None


def _run(helper: str, verb: str, message: bytes) -> bytes | None:
    """What the helper prints, or None if it fails in any way."""
    program = shutil.which(f"docker-credential-{helper}") if _NAME.fullmatch(helper) else None
    if program is None:
        return None
    try:
        running = subprocess.Popen(  # noqa: S603 - no shell; the message goes to its standard input
            [program, verb],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            process_group=0,  # what it starts can be ended with it
        )
    except OSError:
        return None
    with running:
        try:
            answer = _converse(running, message)
            if answer is not None and running.wait(_ENDING_S) == 0:
                return answer
        except (OSError, subprocess.TimeoutExpired):
            pass
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    return None


def _converse(running: subprocess.Popen[bytes], message: bytes) -> bytes | None:
    """Hand over the message and read the answer; None if it is too long in time or size."""
    assert running.stdin is not None  # noqa: S101 - pipes were asked for
    assert running.stdout is not None  # noqa: S101 - the same
    with suppress(BrokenPipeError):  # it need not read what it does not need
        running.stdin.write(message)
    running.stdin.close()
    answer, end = b"", time.monotonic() + _PATIENCE_S
    while len(answer) <= _LONGEST and time.monotonic() < end:
        ended = running.poll() is not None
        if select.select([running.stdout], [], [], 0 if ended else _GLANCE_S)[0]:
            chunk = os.read(running.stdout.fileno(), 64 << 10)
            if not chunk:
                return answer
            answer += chunk
        elif ended:
            return answer  # what it left running in the background keeps the pipe open
    return None
