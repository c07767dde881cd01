from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wherry.build.run.bubblewrap import _Inside

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[subprocess.Popen[bytes]]:
    """A process with one child, as bwrap's process 1 has."""
    process = subprocess.Popen(["/bin/sh", "-c", "sleep 60 & wait $!; exit $?"])
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text().strip():
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


def _told(text: str) -> _Inside:
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    return _Inside(reader)


def test_a_signal_reaches_the_program_and_not_the_sandbox(sandbox: subprocess.Popen[bytes]) -> None:
    inside = _told(json.dumps({"child-pid": sandbox.pid, "more": 1}))
    inside.send(1, signal.SIGTERM)
    assert sandbox.wait() == 128 + signal.SIGTERM


def test_killing_ends_the_sandbox(sandbox: subprocess.Popen[bytes]) -> None:
    _told(json.dumps({"child-pid": sandbox.pid})).kill()
    assert sandbox.wait() == -signal.SIGKILL


@pytest.mark.parametrize("text", ["", "{}", "noise"])
def test_before_there_is_a_program_bwrap_itself_is_told(sandbox: subprocess.Popen[bytes], text: str) -> None:
    inside = _told(text)
    inside.kill()
    assert sandbox.poll() is None
    inside.send(sandbox.pid, signal.SIGKILL)
    assert sandbox.wait() == -signal.SIGKILL
