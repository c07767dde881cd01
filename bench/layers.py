"""How long the layers of a directory of wheels take, against the floor: hashing and inflating the same bytes.

    python bench/layers.py DIRECTORY [--bytecode PYTHON] [--rounds N]

The floor is what all cores need to SHA-256 the wheels' bytes and their contents and to inflate them once,
with the same inflater, the same processes and the same order. Nothing is checked, packed or written.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wherry.digest import Digest
from wherry.layers.codec import SPLICE_FROM_BYTES
from wherry.layers.model import BytecodeCompiler, LayerBlob, Layout, WheelInput
from wherry.layers.pool import make_layers
from wherry.layers.wheel_jobs import WheelLayerJob
from wherry.layers.wheel_layer import Recipe
from wherry.layers.zip_archive import ZipArchive
from wherry.store.store import Store

if TYPE_CHECKING:
    from wherry.progress import Progress

OWN_LAYER_BYTES = 8 << 20


@dataclass(frozen=True)
class Floor:
    """Hash and inflate one wheel, and forget it."""

    wheel: WheelInput

    def cost_bytes(self, _store: Store) -> int:
        """Of the wheel's file."""
        return self.wheel.path.stat().st_size

    def parts(self, _store: Store) -> tuple[()]:
        """None: wheels are the pieces."""
        return ()

    def make(self, _store: Store, _progress: Progress) -> LayerBlob:
        """Do the work; the layer is a pretence."""
        compressed, unpacked = hashlib.sha256(), hashlib.sha256()
        with ZipArchive(self.wheel.path, self.wheel.filename) as archive:
            for member in archive.members.values():
                if member.compressed_bytes < SPLICE_FROM_BYTES:
                    unpacked.update(archive.read(member))
                    continue
                for raw, block in archive.pieces(member):
                    compressed.update(raw)
                    unpacked.update(block)
            small = sum(
                m.compressed_bytes for m in archive.members.values() if m.compressed_bytes < SPLICE_FROM_BYTES
            )
        compressed.update(bytes(small))
        return LayerBlob("", compressed.hexdigest(), 0, 0, unpacked.hexdigest(), "")


def jobs_of(wheels: list[WheelInput], recipe: Recipe) -> list[WheelLayerJob]:
    """One layer for each large wheel, one for all others."""
    large = [wheel for wheel in wheels if wheel.path.stat().st_size >= OWN_LAYER_BYTES]
    small = tuple(wheel for wheel in wheels if wheel not in large)
    return [WheelLayerJob((wheel,), recipe) for wheel in large] + (
        [WheelLayerJob(small, recipe)] if small else []
    )


def timed(jobs: list[Floor] | list[WheelLayerJob], store: Store) -> tuple[float, float, list[LayerBlob]]:
    """Seconds on the clock, seconds of all cores together, and what was made."""
    start, start_cores = time.perf_counter(), core_seconds()
    made = [blob for _, blob in make_layers(jobs, store)]
    return time.perf_counter() - start, core_seconds() - start_cores, made


def core_seconds() -> float:
    """What this process and its ended children have used."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument(
        "--bytecode", metavar="PYTHON", help="also with bytecode, compiled by this interpreter"
    )
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    paths = sorted(arguments.directory.glob("*.whl"))
    wheels = [WheelInput(path, path.name, Digest.of_file(path), locked=True) for path in paths]
    total = sum(wheel.path.stat().st_size for wheel in wheels)
    print(f"{len(wheels)} wheels, {total / 1e9:.2f} GB, {len(os.sched_getaffinity(0))} cores")
    recipes = {"layers": Recipe(Layout())}
    if arguments.bytecode:
        version = subprocess.check_output(
            [arguments.bytecode, "-c", "import platform; print(platform.python_version())"], text=True
        ).strip()
        recipes["layers with bytecode"] = Recipe(
            Layout(), bytecode=BytecodeCompiler((arguments.bytecode,), version)
        )
    for number in range(arguments.rounds):
        for name, recipe in recipes.items():
            measure(wheels, name, recipe, number)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"largest process: {peak / 1024:.0f} MB")


def measure(wheels: list[WheelInput], name: str, recipe: Recipe, number: int) -> None:
    """One floor and one cold store, side by side, and the ratio."""
    root = Path(tempfile.mkdtemp(prefix="wherry-bench-", dir=wheels[0].path.parent.parent))
    try:
        store = Store.open(root)
        floor, floor_cores, _ = timed([Floor(wheel) for wheel in wheels], store)
        cold, cold_cores, made = timed(jobs_of(wheels, recipe), store)
        warm, _, _ = timed(jobs_of(wheels, recipe), store)
        unpacked = sum(blob.unpacked_bytes for blob in made)
        print(
            f"round {number + 1}: floor {floor:.2f} s, {name} {cold:.2f} s = {cold / floor:.2f} x floor "
            f"(of all cores: {floor_cores:.1f} s, {cold_cores:.1f} s = {cold_cores / floor_cores:.2f} x), "
            f"again {warm:.3f} s; {len(made)} layers, {unpacked / 1e9:.2f} GB of tar in "
            f"{sum(blob.size_bytes for blob in made) / 1e9:.3f} GB"
        )
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
