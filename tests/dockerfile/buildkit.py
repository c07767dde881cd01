"""BuildKit itself, asked what an image of a Dockerfile is told to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from tests.programs import cannot_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def build(host: str, root: Path, text: str, build_args: Mapping[str, str]) -> dict[str, Any] | str:
    """The settings of the image of a Dockerfile in *root*, or what docker says against it."""
    (root / "Dockerfile").write_text(text)
    environment = {"PATH": os.defpath, "DOCKER_HOST": host, "DOCKER_BUILDKIT": "1", "HOME": str(root)}
    docker = client_of(environment)
    given = [word for name, value in build_args.items() for word in ("--build-arg", f"{name}={value}")]
    made = subprocess.run(
        [docker, "build", "--quiet", *given, "."],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if made.returncode:
        return made.stderr
    seen = subprocess.run(
        [docker, "image", "inspect", "--format", "{{json .Config}}", made.stdout.strip()],
        env=environment,
        capture_output=True,
        check=True,
    )
    config: dict[str, Any] = json.loads(seen.stdout)
    return config


def client_of(environment: Mapping[str, str]) -> str:
    """A client that speaks to BuildKit: an old one does, a new one does with its plugin."""
    for path in (shutil.which("docker"), "/usr/bin/docker"):
        if path and os.access(path, os.X_OK):
            asked = [path, "build", "--help"]
            said = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
            if "--secret" in said.stdout:
                return path
    return cannot_run("needs a docker client with BuildKit")
