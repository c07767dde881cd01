"""Pushing and pulling the GPU-sized image, beside a plain loop of PUTs of the same files.

    make bench-registry

Needs Debian's docker-registry, which stands on a loopback port with its files on this disk, and starts
empty for each measurement. Then a team's day: a machine builds and pushes and tells the team's layer index;
one with an empty store builds and pushes the same, and the same with one small dependency at another
version. Bytes moved are those the loopback interface counted.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.fetching import download
from bench.measuring import measure
from bench.run import TORCH, WHERRY, Wheels, lock_changes, prepare_base, say, set_bytecode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.measuring import Measured

OUT: Final = Path(__file__).parent / "out"
SERVER: Final = shutil.which("docker-registry") or "/usr/bin/docker-registry"
_BLOCK: Final = 1 << 20


class Row(NamedTuple):
    """One line of the table."""

    seconds: float
    moved_bytes: int
    peak_bytes: int = 0


def main() -> None:
    """Measure, print, and keep the numbers in ``bench/out/registry.json``."""
    if not Path(SERVER).exists():
        sys.exit("error: docker-registry is not here; Debian has it as the package docker-registry")
    home = Path(os.environ.get("WHERRY_BENCH_DIR") or Path.home() / ".cache/wherry-bench")
    wheels = Wheels(home / "wheels", home / "bumped")
    download(TORCH / "requirements.txt", wheels.locked)
    download(TORCH / "bumps.txt", wheels.bumped)
    scratch = home / "scratch-registry"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        report(run(wheels, scratch))
    finally:
        shutil.rmtree(scratch)


def run(wheels: Wheels, scratch: Path) -> dict[str, Row]:
    """All measurements, by what they are of."""
    project = scratch / "project"
    shutil.copytree(TORCH, project, ignore=shutil.ignore_patterns("__pycache__", "bumps.txt", "README.md"))
    store = prepare_base(project, scratch)
    set_bytecode(project, wanted=False)
    links = [f"--find-links={folder}" for folder in wheels]
    rows: dict[str, Row] = {}

    def wherry(*arguments: str, store: Path = store) -> Measured:
        environment = {**os.environ, "WHERRY_CACHE_DIR": str(store)}
        return measure([WHERRY, *arguments], project, environment, scratch)

    say("building the image once")
    wherry("build", ".", "--tag", "torch", *links, "--json")
    wherry("save", "torch", "-o", f"oci:{scratch / 'layout'}")
    blobs = sorted((scratch / "layout/blobs/sha256").iterdir(), key=lambda blob: -blob.stat().st_size)
    with registry(scratch) as host:
        say("a plain loop of PUTs")
        rows["a plain loop of PUTs"] = counted(lambda: put_all(host, blobs))
    shutil.rmtree(scratch / "layout")
    with registry(scratch) as host:
        say("wherry push")
        rows["wherry push"] = counted(lambda: wherry("push", "torch", f"{host}/team/torch:1"))
        rows["wherry push, again"] = counted(lambda: wherry("push", "torch", f"{host}/team/torch:2"))
        say("wherry pull")
        pulled = scratch / "store-pull"
        rows["wherry pull, empty store"] = counted(
            lambda: wherry("pull", f"{host}/team/torch:1", store=pulled)
        )
        shutil.rmtree(pulled)
        cache = f"{host}/team/layers"

        def build(tag: str, store: Path, *more: str) -> Measured:
            image = f"{host}/team/torch:{tag}"
            return wherry("build", ".", "--push", "--tag", image, "--cache-from", cache, *more, store=store)

        say("the team's index")
        build("3", store, "--cache-to", cache, *links)
        rows["build and push, empty store"] = counted(lambda: build("4", scratch / "store-empty"))
        bumped = next(lock_changes(project))
        rows[f"the same with another {bumped}, empty store"] = counted(
            lambda: build("5", scratch / "store-bumped", links[1])  # only the new wheel is at hand
        )
    return rows


@contextmanager
def registry(scratch: Path) -> Iterator[str]:
    """An empty docker-registry for the block; gives its host and port."""
    root = scratch / "registry"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = scratch / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
        f"storage: {{filesystem: {{rootdirectory: {root}}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n"
    )
    with (scratch / "registry.log").open("wb") as log:
        server = subprocess.Popen([SERVER, "serve", str(config)], stdout=log, stderr=log)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(root, ignore_errors=True)
        os.sync()


def put_all(host: str, blobs: list[Path]) -> None:
    """What any client must do at least: one POST and one PUT for each blob, over one connection."""
    connection = http.client.HTTPConnection(host, blocksize=_BLOCK)
    for blob in blobs:
        connection.request("POST", "/v2/plain/blobs/uploads/")
        answer = connection.getresponse()
        answer.read()
        place = re.sub(r"^https?://[^/]+", "", answer.headers["Location"])
        with blob.open("rb") as body:
            size = str(blob.stat().st_size)
            url = f"{place}{'&' if '?' in place else '?'}digest=sha256:{blob.name}"
            connection.request("PUT", url, body, {"Content-Length": size})
            answer = connection.getresponse()
            answer.read()
        if answer.status != http.client.CREATED:
            sys.exit(f"error: the registry answered {answer.status} to a plain PUT")
    connection.close()


def counted(work: Callable[[], Measured | None]) -> Row:
    """Do the work: its seconds, the bytes it moved over loopback, and its largest process's memory."""
    os.sync()
    before, started = loopback_bytes(), time.perf_counter()
    found = work()
    seconds = time.perf_counter() - started
    return Row(seconds, loopback_bytes() - before, found.peak_bytes if found else 0)


def loopback_bytes() -> int:
    """Bytes that went over the loopback interface so far."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "lo":
            return int(numbers.split()[0])
    sys.exit("error: there is no loopback interface")


def report(rows: dict[str, Row]) -> None:
    """The table, and the same as JSON."""
    plain = rows["a plain loop of PUTs"].seconds
    print(f"\n{'':44}{'seconds':>9}{'moved':>12}{'peak memory':>13}")
    for name, row in rows.items():
        memory = f"{row.peak_bytes / 1e6:.0f} MB" if row.peak_bytes else ""
        print(f"{name:44}{row.seconds:9.2f}{row.moved_bytes / 1e6:9.1f} MB{memory:>13}")
    print(f"\na push reaches {plain / rows['wherry push'].seconds:.2f} of the plain loop's speed")
    OUT.mkdir(exist_ok=True)
    (OUT / "registry.json").write_text(
        json.dumps({name: row._asdict() for name, row in rows.items()}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
