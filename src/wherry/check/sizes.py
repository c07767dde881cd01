"""Sizes measured elsewhere and shipped: what a figure rests on where nothing is here to be counted.

Every number was measured once, and its source says on what; `wherry.check.model.Basis.TABLE` is their basis.
A version between two that were measured is given the figure of the one below, and the source names that one.
"""

from __future__ import annotations

from typing import Final

from wherry.check.model import Basis, Cost
from wherry.frozen import Frozen

MB: Final = 1_000_000

INSTALLED_A_SECOND: Final = 88 * MB
"""Bytes of wheels that pip installs in a second from a local folder: 1.78 GB of torch 2.14.1, triton, cuBLAS
and cuDNN took 20.1 s on two cores. Downloading them comes on top and is not counted."""


class Closure(Frozen):
    """A distribution with all it requires, as pip gets it for 64-bit x86 Linux.

    Attributes:
        name: Normalised, with the extra it was asked for.
        version: The one that was measured.
        wheel_bytes: What is downloaded, and what a cache keeps of it.
        unpacked_bytes: What is installed.

    """

    name: str
    version: str
    wheel_bytes: int
    unpacked_bytes: int

    @property
    def source(self) -> str:
        """What the figures rest on, in words."""
        return f"wheels of {self.name} {self.version} and all they require"

    @property
    def seconds(self) -> float:
        """What installing it takes, without the download."""
        return self.wheel_bytes / INSTALLED_A_SECOND

    @property
    def again(self) -> Cost:
        """What each build costs that installs it anew."""
        rate = f"at {INSTALLED_A_SECOND // MB} MB a second, downloads not counted"
        return Cost(seconds=self.seconds, basis=Basis.TABLE, source=f"{self.source}, {rate}")


def _closure(name: str, version: str, wheels_mb: int, unpacked_mb: int) -> Closure:
    return Closure(name, version, wheels_mb * MB, unpacked_mb * MB)


_CLOSURES: Final = {
    # by name and build, oldest first; measured from the wheels themselves, as PyPI had them in November 2026
    # for CPython 3.11 (xgboost with nvidia-nccl-cu12, NumPy and SciPy)
    ("torch", "cuda"): (
        _closure("torch", "2.0.1", 2308, 4372),
        _closure("torch", "2.1.2", 2698, 4777),
        _closure("torch", "2.2.2", 2818, 5012),
        _closure("torch", "2.3.1", 2852, 5074),
        _closure("torch", "2.4.1", 2844, 5089),
        _closure("torch", "2.5.1", 3006, 5246),
        _closure("torch", "2.6.0", 3060, 5394),
        _closure("torch", "2.7.1", 2995, 5281),
        _closure("torch", "2.8.0", 3917, 6688),
        _closure("torch", "2.9.1", 4067, 6954),
        _closure("torch", "2.10.0", 4128, 7170),
        _closure("torch", "2.11.0", 2720, 4717),
        _closure("torch", "2.12.1", 2741, 4782),
        _closure("torch", "2.13.0", 2741, 4764),
        _closure("torch", "2.14.1", 3016, 5517),
        _closure("torch", "2.15.0", 3000, 5457),
    ),
    ("torch", "cpu"): (_closure("torch+cpu", "2.13.0", 192, 699),),
    ("jax", "cuda"): (_closure("jax[cuda13]", "0.10.2", 2623, 4599),),
    ("jax", "cpu"): (_closure("jax", "0.10.2", 141, 544),),
    ("tensorflow", "cuda"): (_closure("tensorflow[and-cuda]", "2.21", 3441, 6488),),
    ("tensorflow", "cpu"): (_closure("tensorflow", "2.21", 633, 2056),),
    ("tensorflow-cpu", "cpu"): (_closure("tensorflow-cpu", "2.21", 335, 1456),),
    ("vllm", "cuda"): (_closure("vllm", "0.32.0", 3945, 8273),),
    ("sglang", "cuda"): (_closure("sglang", "0.5.23", 4343, 9944),),
    ("onnxruntime-gpu", "cuda"): (_closure("onnxruntime-gpu", "1.31.1", 273, 409),),
    ("onnxruntime", "cpu"): (_closure("onnxruntime", "1.31.1", 41, 124),),
    ("xgboost", ""): (_closure("xgboost", "3.2", 536, 900),),
}


def closure_of(name: str, version: str = "", build: str = "cuda") -> Closure | None:
    """What was measured of *name* nearest to *version*.

    Args:
        name: Normalised.
        version: The one that is asked for; the newest where it is open.
        build: "cuda" or "cpu", where there are both.

    """
    measured = _CLOSURES.get((name, build)) or _CLOSURES.get((name, ""))
    if not measured:
        return None
    wanted = _numbers(version)
    if not wanted:
        return measured[-1]
    below = [one for one in measured if _numbers(one.version)[:2] <= wanted[:2]]
    return below[-1] if below else measured[0]


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.partition("+")[0].split(".")[:3]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


FULL_PYTHON: Final = Cost(
    751_277_056,
    basis=Basis.TABLE,
    source="installed sizes of the Debian 12 packages that python has over python:slim",
)
"""What python:3.x stands on, buildpack-deps, beside what python:3.x-slim has."""

_APT_LISTS: Final = {"bookworm": 19_852_735}
"""Lists of main, updates and security as they lie on the disk, compressed as Docker's images have them."""


def apt_lists(distro: str) -> Cost:
    """What ``apt-get update`` leaves; no figure for a distribution that was not measured."""
    size = _APT_LISTS.get(distro)
    if size is None:
        return Cost()
    return Cost(size, basis=Basis.TABLE, source="package lists of Debian 12")
