"""A Docker daemon of the tests' own, started by hand as root, away from any that the machine runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.programs import cannot_run, require_program

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_TIMEOUT_S = 60


@pytest.fixture(scope="session")
def docker_host() -> Iterator[str]:
    """The ``DOCKER_HOST`` of a running daemon. It has no bridge network, so containers use the machine's."""
    dockerd = require_program("dockerd")
    require_program("docker")
    if os.geteuid() != 0:
        cannot_run("starts a Docker daemon, which needs root")
    # A short path: a socket's name has at most 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="wherry-dockerd-"))
    try:
        for driver in ("overlay2", "vfs"):
            daemon = _start(dockerd, home, driver)
            if daemon is not None:
                break
        else:
            cannot_run(f"needs a Docker daemon, and it does not start: {_last_line(home / 'log')}")
        try:
            yield _host(home)
        finally:
            daemon.terminate()
            try:
                daemon.wait(timeout=_START_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
    finally:
        _unmount_below(home)
        shutil.rmtree(home, ignore_errors=True)


def _unmount_below(home: Path) -> None:
    """The daemon leaves a network namespace mounted, even when it ends well."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in reversed([m for m in mounted if m.startswith(f"{home}/")]):
        subprocess.run(["umount", "--lazy", place], check=False)


def _host(home: Path) -> str:
    return f"unix://{home}/docker.sock"


def _start(dockerd: str, home: Path, driver: str) -> subprocess.Popen[bytes] | None:
    with (home / "log").open("ab") as log:
        daemon = subprocess.Popen(
            [
                dockerd,
                "--iptables=false",
                "--ip6tables=false",
                "--bridge=none",
                f"--storage-driver={driver}",
                f"--data-root={home}/data",
                f"--exec-root={home}/exec",
                f"--pidfile={home}/pid",
                f"--host={_host(home)}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and daemon.poll() is None:
        answer = subprocess.run(
            ["docker", "--host", _host(home), "version"], capture_output=True, check=False, timeout=60
        )
        if answer.returncode == 0:
            return daemon
        time.sleep(0.2)
    daemon.kill()
    daemon.wait()
    return None


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"
