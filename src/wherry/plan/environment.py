"""Environment variables that the locked distributions call for: writable caches, GPU access.

A container runs as a user without a home of its own making and often with a read-only root, so
every framework that writes at import or at first use is pointed at ``/tmp``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_WRITABLE: Final = "/tmp"  # noqa: S108 - inside the image
_CACHES: Final = {
    "huggingface-hub": ("HF_HOME", "huggingface"),
    "matplotlib": ("MPLCONFIGDIR", "matplotlib"),
    "numba": ("NUMBA_CACHE_DIR", "numba"),
    "torch": ("TORCH_HOME", "torch"),
    "triton": ("TRITON_CACHE_DIR", "triton"),
    "vllm": ("VLLM_CACHE_ROOT", "vllm"),
}
_TORCH_COMPILE: Final = ("TORCHINDUCTOR_CACHE_DIR", "torchinductor")
_CUDA_RUNTIME: Final = re.compile(r"nvidia-cuda-runtime(?:-cu\d+)?")
_DRIVER_FLOORS: Final = {"11": 450, "12": 525, "13": 580}
_CUDA_PREFIXES: Final = ("nvidia-", "jax-cuda", "cuda-")


def brings_cuda(names: Collection[str]) -> bool:
    """Whether the wheels carry the CUDA libraries, so that the base need not."""
    return any(name.startswith(_CUDA_PREFIXES) for name in names)


def driver_floor(versions: Mapping[str, str]) -> str | None:
    """What a machine's NVIDIA driver must be for the CUDA that the wheels bring, in words.

    Only the major version of CUDA counts: within one, newer minor versions run on the same drivers
    (docs.nvidia.com/deploy/cuda-compatibility, "minor version compatibility").

    Args:
        versions: Version by normalized name of every distribution.

    """
    majors = {versions[name].partition(".")[0] for name in versions if _CUDA_RUNTIME.fullmatch(name)}
    floors = [(int(major), _DRIVER_FLOORS[major]) for major in majors if major in _DRIVER_FLOORS]
    if not floors:
        return None
    major, driver = max(floors)
    return f"the wheels bring CUDA {major}: its machine needs NVIDIA driver {driver} or later"


def environment(names: Collection[str]) -> dict[str, str]:
    """Variables for an image that holds the distributions *names* (normalized)."""
    caches = [cache for name, cache in _CACHES.items() if name in names]
    caches += [_TORCH_COMPILE] if "torch" in names else []
    found = {variable: f"{_WRITABLE}/{directory}" for variable, directory in caches}
    if brings_cuda(names):
        # The container toolkit mounts only what is named; VISIBLE_DEVICES is the scheduler's to say.
        found["NVIDIA_DRIVER_CAPABILITIES"] = "compute,utility"
    return found
