"""The same project by wherry and by the usual Dockerfile: how many bytes each image is.

    make bench-size

Beside it stands a multi-stage build on ``python:3.11-slim``, as most teams write it. The hub's image is not
at hand everywhere, so a stand-in is made of the same parts by mmdebstrap: Debian bookworm's minimal system
without documentation and translations, ca-certificates, netbase, tzdata, Python 3.11 with pip, setuptools and
wheel, and no bytecode. It differs from the hub's in that Python is Debian's own, not one in ``/usr/local``.

Needs root, mmdebstrap and Debian's docker.io; the daemon it starts is its own and ends with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.fetching import download

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

EXAMPLE: Final = Path(__file__).parents[1] / "examples/digits"
WHERRY: Final = str(Path(sys.executable).with_name("wherry"))
STAND_IN: Final = "stand-in-for-python:3.11-slim"
UNWANTED: Final = ("doc", "info", "locale", "man")
HOOKS: Final = Path("/usr/share/mmdebstrap/hooks/maybe-merged-usr")
DOCKERFILE: Final = f"""\
FROM {STAND_IN} AS build
COPY wheels /wheels
COPY requirements.txt /
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install --quiet --no-cache-dir --require-hashes \\
    --no-index --find-links /wheels --requirement /requirements.txt

FROM {STAND_IN}
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1
WORKDIR /app
COPY digits digits
USER 65532:65532
EXPOSE 8000
CMD ["python", "-m", "digits"]
"""


class Size(NamedTuple):
    """Of all layers of an image together."""

    compressed: int  # gzip at its default level, as a registry holds it
    unpacked: int  # of the tars
    layers: int


def main() -> None:
    """Build both, print both."""
    for program in ("mmdebstrap", "dockerd"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            sys.exit(f"error: {program} is not here\n  mend: apt-get install mmdebstrap docker.io")
    home = Path(os.environ.get("WHERRY_BENCH_DIR") or Path.home() / ".cache/wherry-bench")
    download(EXAMPLE / "requirements.txt", home / "digits" / "wheels")
    with tempfile.TemporaryDirectory(prefix="wherry-bench-") as folder:
        ours = by_wherry(Path(folder))
        base, usual = by_docker(Path(folder), home / "digits" / "wheels")
    rows = {f"{STAND_IN} alone": base, "usual multi-stage Dockerfile": usual, "wherry build": ours}
    print(f"\n{'examples/digits':34}{'compressed':>12}{'unpacked':>12}{'layers':>8}")
    for name, size in rows.items():
        print(f"{name:34}{size.compressed / 1e6:9.1f} MB{size.unpacked / 1e6:9.1f} MB{size.layers:8}")
    ratios = (ours.compressed / usual.compressed, ours.unpacked / usual.unpacked)
    print(f"{'wherry / usual':34}{ratios[0]:12.2f}{ratios[1]:12.2f}")


def by_wherry(scratch: Path) -> Size:
    """Build the example with wherry, on the same Debian with the same Python and so of the same wheels."""
    project = scratch / "digits"
    shutil.copytree(
        EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", ".venv", "weights", "wherry.lock")
    )
    command = [WHERRY, "build", str(project), "--tag", "digits-size", "--base", "debian:bookworm", "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    subprocess.run([WHERRY, "rm", "digits-size"], check=True, stdout=subprocess.DEVNULL)
    layers = json.loads(done.stdout)["images"][0]["layers"]
    return Size(
        sum(layer["size_bytes"] for layer in layers),
        sum(layer["unpacked_bytes"] for layer in layers),
        len(layers),
    )


def by_docker(scratch: Path, wheels: Path) -> tuple[Size, Size]:
    """Make the stand-in and build the example on it with docker: the sizes of both."""
    say(f"making the {STAND_IN}")
    sources = [*Path("/etc/apt").glob("sources.list"), *Path("/etc/apt/sources.list.d").glob("*.sources")]
    include = "usr-is-merged,python3,python3-venv,python3-pip,ca-certificates,netbase,tzdata"
    options = ["--quiet", "--variant=minbase", f"--hook-dir={HOOKS}", f"--include={include}"]
    options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in UNWANTED]
    options += ['--customize-hook=find "$1/usr" -name __pycache__ -prune -exec rm -rf {} +']
    tar = scratch / "base.tar"
    quietly("mmdebstrap", *options, "bookworm", str(tar), *map(str, sources))

    context = scratch / "context"
    shutil.copytree(EXAMPLE / "digits", context / "digits", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(wheels, context / "wheels")
    shutil.copy(EXAMPLE / "requirements.txt", context)
    (context / "Dockerfile").write_text(DOCKERFILE)
    say("docker build")
    with docker(scratch) as client:
        quietly(*client, "import", str(tar), STAND_IN)
        quietly(*client, "build", "--quiet", "--network=host", "--tag=usual", str(context))
        return saved_size(client, STAND_IN, scratch), saved_size(client, "usual", scratch)


@contextmanager
def docker(scratch: Path) -> Iterator[list[str]]:
    """A daemon of our own, without networks; the client's command line for it."""
    socket = f"unix://{scratch}/docker.sock"
    log = scratch / "dockerd.log"
    command = [
        "dockerd",
        "--host",
        socket,
        "--iptables=false",
        "--bridge=none",
        "--pidfile",
        f"{scratch}/pid",
    ]
    command += ["--data-root", f"{scratch}/data", "--exec-root", f"{scratch}/exec"]
    path = f"/usr/bin:/usr/sbin:{os.environ['PATH']}"  # Debian's own before any other docker
    with log.open("wb") as output:
        daemon = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "PATH": path})
    client = [shutil.which("docker", path=path) or "docker", "--host", socket]
    try:
        for _ in range(300):
            if subprocess.run([*client, "info"], check=False, capture_output=True).returncode == 0:
                break
            if daemon.poll() is not None:
                sys.exit(f"error: dockerd ended\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield client
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)
        for left in (scratch / "exec/netns").glob("*"):  # the network namespace it mounts outlives it
            subprocess.run(["umount", left], check=False)  # noqa: S607 - root's own


def saved_size(client: list[str], image: str, scratch: Path) -> Size:
    """The layers of *image* as ``docker save`` gives them, compressed as a push would."""
    archive = scratch / "saved.tar"
    subprocess.run([*client, "save", "--output", archive, image], check=True)
    compressed = unpacked = layers = 0
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.name.endswith("layer.tar") else None
            if stream is not None:
                compressed += gzip_size(stream)
                unpacked += member.size
                layers += 1
    return Size(compressed, unpacked, layers)


def quietly(*command: str) -> None:
    """Run *command*; show what it said only if it fails, and end then."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\nerror: {command[0]} ended with exit code {done.returncode}")


def gzip_size(stream: IO[bytes]) -> int:
    """How many bytes gzip makes of *stream*."""
    packer = zlib.compressobj(wbits=31)
    size = sum(len(packer.compress(block)) for block in iter(lambda: stream.read(1 << 20), b""))
    return size + len(packer.flush())


def say(line: str) -> None:
    """Tell whoever waits."""
    print(f"  {line} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
