"""The GPU-sized image, measured: what each kind of build takes beside the floor, in one run on one machine.

    make bench-torch

Fetches the wheels once. Then: the floor, of the wheels and of the base's Debian packages; a build without
bytecode (the floor makes none) from wheels that the store has never seen and must hash, and from wheels it
has, its layers forgotten; one with bytecode; then the same again with nothing changed, with one source file
changed, and with one small dependency at another version. Times are of whole commands, start to end.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.fetching import download
from bench.floor import floor_seconds
from bench.measuring import Measured, measure, middle

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parent
TORCH: Final = HERE / "torch"
WHERRY: Final = str(Path(sys.executable).with_name("wherry"))
FLOOR: Final = "floor: hash, unpack, hash"
_SETTLE_S: Final = 1.0
BLOCK: Final = re.compile(r"^([a-z0-9-]+)==.*\n(?:[ \t]+.*\n)*", re.MULTILINE)
"""One pinned package of a requirements file, with its hashes and comments."""


class Wheels(NamedTuple):
    """Two folders: the wheels of the lock, and neighbouring versions of some."""

    locked: Path
    bumped: Path


def main() -> None:
    """Measure, print, and keep the numbers in ``bench/out/torch.json``."""
    home = Path(os.environ.get("WHERRY_BENCH_DIR") or Path.home() / ".cache/wherry-bench")
    wheels = Wheels(home / "wheels", home / "bumped")
    download(TORCH / "requirements.txt", wheels.locked)
    download(TORCH / "bumps.txt", wheels.bumped)
    scratch = home / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        rows = run(wheels, scratch)
    finally:
        shutil.rmtree(scratch)
    report(wheels, rows)


def run(wheels: Wheels, scratch: Path) -> dict[str, Measured]:
    """All measurements, by what they are of."""
    project = scratch / "project"
    shutil.copytree(TORCH, project, ignore=shutil.ignore_patterns("__pycache__", "bumps.txt", "README.md"))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed wherry has its own bytecode
    base = prepare_base(project, scratch)
    rows: dict[str, Measured] = {}

    def build(store: Path) -> Measured:
        environment = {**os.environ, "WHERRY_CACHE_DIR": str(store)}
        links = [f"--find-links={folder}" for folder in wheels]
        options = ["--tag", "torch", *links, "--offline", "--json"]
        return measure([WHERRY, "build", str(project), *options], project, environment, scratch)

    def cold(name: str, *, bytecode: bool) -> Path:
        say(name)
        store = scratch / ("store-bytecode" if bytecode else "store")
        shutil.copytree(base, store, symlinks=True)
        set_bytecode(project, wanted=bytecode)
        settle()
        rows[name] = build(store)
        return store

    say("the floor")
    for _ in range(2):  # the first run also brings everything into the page cache, for all that follow
        seconds = floor_seconds(sorted(wheels.locked.glob("*.whl")), packages(project, base))
    rows[FLOOR] = Measured(seconds, 0, b"")
    store = cold("cold, wheels in a folder", bytecode=False)
    say("cold, wheels in the store")
    rows["cold, wheels in the store"] = middle(
        [build(store) for _ in forgotten(store, rows["cold, wheels in a folder"])]
    )
    shutil.rmtree(store)
    store = cold("cold, with bytecode", bytecode=True)
    say("warm")
    rows["nothing changed"] = middle([build(store) for _ in range(5)])
    rows["one source file changed"] = middle([build(store) for _ in source_changes(project)])
    rows["one small dependency bumped"] = middle([build(store) for _ in lock_changes(project)])
    rows["wherry --version"] = middle(
        [measure([WHERRY, "--version"], project, os.environ, scratch) for _ in range(10)]
    )
    return rows


def prepare_base(project: Path, scratch: Path) -> Path:
    """A store that has the base's Debian packages but no layer, so that no build waits for the network."""
    store, empty = scratch / "store-base", scratch / "empty"
    environment = {**os.environ, "WHERRY_CACHE_DIR": str(store)}
    measure([WHERRY, "lock", str(project)], project, environment, scratch)
    shutil.copytree(project, empty)
    (empty / "requirements.txt").write_text("")
    text = (empty / "pyproject.toml").read_text()
    (empty / "pyproject.toml").write_text(
        re.sub(r"dependencies = \[.*?\]", "dependencies = []", text, flags=re.DOTALL)
    )
    built = measure([WHERRY, "build", str(empty), "--tag", "empty", "--json"], empty, environment, scratch)
    forget_layers(store, built)
    return store


def settle() -> None:
    """Let the disk finish what earlier builds wrote and what was removed of it since."""
    os.sync()
    time.sleep(_SETTLE_S)


def packages(project: Path, store: Path) -> list[Path]:
    """The Debian packages of the project's base, which the store has."""
    pins = tomllib.loads((project / "wherry.lock").read_text())
    pinned = pins["platforms"]["linux/amd64"]["packages"]
    return [store / "blobs/sha256" / package["sha256"] for package in pinned]


def forget_layers(store: Path, built: Measured) -> None:
    """Leave a store with what was fetched, and without what was made of it."""
    for layer in layers(built):
        (store / "blobs/sha256" / str(layer["digest"]).removeprefix("sha256:")).unlink(missing_ok=True)
    for kind in ("layers", "segments"):
        shutil.rmtree(store / "index" / kind, ignore_errors=True)


def forgotten(store: Path, built: Measured) -> Iterator[int]:
    """Forget the layers before each round."""
    for number in range(5):
        forget_layers(store, built)
        settle()
        yield number


def set_bytecode(project: Path, *, wanted: bool) -> None:
    """Ask for bytecode or refuse it, in the project's own table (its last)."""
    path = project / "pyproject.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("bytecode")]
    path.write_text("\n".join([*lines, f"bytecode = {str(wanted).lower()}", ""]))


def source_changes(project: Path) -> Iterator[int]:
    """Change a source file before each round."""
    for number in range(5):
        with (project / "server/__init__.py").open("a") as file:
            file.write(f"# change {number}\n")
        yield number


def lock_changes(project: Path) -> Iterator[str]:
    """Put another version of one more small package into the lock before each round."""
    lock = project / "requirements.txt"
    for bumped in BLOCK.finditer((TORCH / "bumps.txt").read_text()):
        text = lock.read_text()
        old = next(block[0] for block in BLOCK.finditer(text) if block[1] == bumped[1])
        lock.write_text(text.replace(old, bumped[0]))
        yield bumped[1]


def layers(measured: Measured) -> list[dict[str, object]]:
    """The layers that a build's ``--json`` tells of."""
    image = json.loads(measured.output)["images"][0]
    found: list[dict[str, object]] = image["layers"]
    return found


def report(wheels: Wheels, rows: dict[str, Measured]) -> None:
    """The table, and the same as JSON."""
    size = sum(path.stat().st_size for path in wheels.locked.iterdir())
    floor = rows[FLOOR].seconds
    print(f"\n{len(list(wheels.locked.iterdir()))} wheels, {size / 1e9:.2f} GB; {os.cpu_count()} cores")
    print(f"{'':32}{'seconds':>9}{'x floor':>9}{'peak memory':>13}{'new layers':>12}")
    kept = {}
    for name, row in rows.items():
        made = (
            [layer for layer in layers(row) if not layer["reused"]] if row.output.startswith(b"{") else None
        )
        memory = f"{row.peak_bytes / 1e6:.0f} MB" if row.peak_bytes else ""
        print(
            f"{name:32}{row.seconds:9.2f}{row.seconds / floor:9.2f}{memory:>13}"
            f"{len(made) if made is not None else '':>12}"
        )
        kept[name] = {"seconds": row.seconds, "ratio": row.seconds / floor, "peak_bytes": row.peak_bytes}
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    (out / "torch.json").write_text(json.dumps(kept, indent=2) + "\n")


def say(line: str) -> None:
    """Tell whoever waits; the table at the end is for keeping."""
    print(f"  {line} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
