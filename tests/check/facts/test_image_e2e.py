from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.check.facts.dockerfiles import facts_of
from tests.handmade import program_layer, put_image, shell_config, source_of
from tests.programs import cannot_run, require_program
from wherry.check.facts.image import open_built
from wherry.oci.archive import image_for_docker, write_docker_archive

if TYPE_CHECKING:
    from wherry.store.store import Store

pytestmark = pytest.mark.e2e

BASE = "wherry-test-base"
DOCKERFILE = f"""
    FROM {BASE} AS base
    USER root
    ARG WHAT=world
    WORKDIR /srv
    COPY a.txt b.txt
    RUN cat \\
        # what was copied
        b.txt && \\
        sh -c "echo $WHAT > c.txt"
    FROM base
    ENV A=1
    RUN ["sh", "-c", "cat b.txt > d.txt"]
    COPY --chown=1:1 . /srv/all/
    WORKDIR more
    CMD ["cat"]
"""


@pytest.mark.parametrize("buildkit", ["0", "1"])
def test_layers_that_docker_built_are_matched_with_their_instructions(
    docker_host: str, tmp_path: Path, store: Store, buildkit: str
) -> None:
    client = _client(buildkit)
    environment = {
        **os.environ,
        "DOCKER_HOST": docker_host,
        "DOCKER_BUILDKIT": buildkit,
        "HOME": str(tmp_path),
    }

    def docker(*arguments: str) -> None:
        command = [client, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    _write_base(store, tmp_path / "base.tar")
    docker("load", "-i", str(tmp_path / "base.tar"))
    context = tmp_path / "context"
    context.mkdir()
    (context / "a.txt").write_text("a")
    (context / "Dockerfile").write_bytes(facts_of(DOCKERFILE).file.data)
    docker("build", "--network=host", "-t", "wherry-test-app", str(context))
    docker("save", "-o", str(tmp_path / "app.tar"), "wherry-test-app")
    facts = facts_of(DOCKERFILE, image=open_built(f"docker-archive:{tmp_path}/app.tar", store))
    image = facts.image
    assert image is not None
    made = [
        layer.instruction.keyword if layer.instruction else layer.created_by for layer in image.layers[1:]
    ]
    assert made == ["workdir", "copy", "run", "run", "copy", "workdir"]
    assert [layer.position for layer in image.layers_of_base] == [0]


def _write_base(store: Store, path: Path) -> None:
    base = put_image(store, [program_layer("sh", "cat")], config=shell_config())
    source = source_of(store, base)
    with path.open("wb") as sink:
        write_docker_archive(sink, source, image_for_docker(source, base), repo_tags=[f"{BASE}:latest"])


def _client(buildkit: str) -> str:
    """A client that speaks to the builder: of BuildKit an old one, which needs no plug-in for it."""
    found = require_program("docker")
    for path in (found, "/usr/bin/docker"):
        if not Path(path).exists():
            continue
        environment = {**os.environ, "DOCKER_BUILDKIT": buildkit}
        asked = subprocess.run(
            [path, "build", "--help"], env=environment, capture_output=True, text=True, check=False
        )
        if buildkit == "0" or "--secret" in asked.stdout:
            return path
    return cannot_run("needs a docker client with BuildKit")
