"""Machine-learning distributions that bring CUDA along, need it from the system, or are compiled against it.

Gives ``framework_of(name, ...)`` -> Framework | None, from a name, a version and where it comes from: for
packages of a RUN as for those of a file. ``Framework``:
    name, version               "" where the version is open
    carries                     "wheels": CUDA comes as nvidia-* wheels, the base needs none
                                "system": it loads CUDA from the base (or from an extra that it was not given)
                                "source": PyPI has no wheel; compiling it needs nvcc
                                "none": a CPU build
    build                       "cuda", "cpu", "rocm", "xpu", "unknown"
    cuda                        (12, 8), or None
    basis                       in words, what that rests on
    text                        where it is said; None for what a rule asked about itself

``wheel_build(name, version, index_urls)`` answers for torch and its companions alone; ``DEFAULT_CUDA`` is the
CUDA of PyPI's torch by version, read from what its metadata requires (November 2026), ``CPU_INDEX`` PyTorch's
index of CPU builds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.check.facts.texts import Text

CPU_INDEX: Final = "https://download.pytorch.org/whl/cpu"
TORCH_FAMILY: Final = ("torch", "torchvision", "torchaudio")

DEFAULT_CUDA: Final = {
    (1, 13): (11, 7),
    (2, 0): (11, 7),
    (2, 1): (12, 1),
    (2, 2): (12, 1),
    (2, 3): (12, 1),
    (2, 4): (12, 1),
    (2, 5): (12, 4),
    (2, 6): (12, 4),
    (2, 7): (12, 6),
    (2, 8): (12, 8),
    (2, 9): (12, 8),
    (2, 10): (12, 8),
    (2, 11): (13, 0),
    (2, 12): (13, 0),
    (2, 13): (13, 0),
    (2, 14): (13, 0),
    (2, 15): (13, 2),
}
"""PyPI's torch for 64-bit x86 Linux: which nvidia-cuda-runtime it requires."""

CUDA_BUILDS: Final = {
    (1, 13): ((11, 6), (11, 7)),
    (2, 0): ((11, 7), (11, 8)),
    (2, 1): ((11, 8), (12, 1)),
    (2, 2): ((11, 8), (12, 1)),
    (2, 3): ((11, 8), (12, 1)),
    (2, 4): ((11, 8), (12, 1), (12, 4)),
    (2, 5): ((11, 8), (12, 1), (12, 4)),
    (2, 6): ((11, 8), (12, 4), (12, 6)),
    (2, 7): ((11, 8), (12, 6), (12, 8)),
    (2, 8): ((12, 6), (12, 8), (12, 9)),
    (2, 9): ((12, 6), (12, 8), (13, 0)),
    (2, 10): ((12, 6), (12, 8), (13, 0)),
}
"""For which CUDA releases of torch were built for 64-bit x86 Linux, on PyTorch's own indexes (its page of
previous versions)."""

# torchvision 0.N goes with torch 2.(N-15); torchaudio has torch's own version.
_VISION_OFFSET: Final = 15
_VISION_OF_ONE: Final = {14: (1, 13)}

_CUPY: Final = regex(r"cupy-cuda(\d\d)(\d)?x?")
_CUDA_EXTRA: Final = regex(r"cuda(\d\d)?(?:-pip)?")
_INDEX: Final = regex(  # .../whl/cu121 of PyTorch, pytorch-wheels/cu121 of those who mirror it
    r"/(?:whl/)?(?:nightly/|test/)?(cpu|xpu|cu(?P<cuda>\d{2,3})|rocm\d[\d.]*)(?:[/_]|$)"
)
_LOCAL: Final = regex(r"\+(?P<tag>cpu|xpu|cu(?P<cuda>\d{2,3})|rocm[\d.]+)")


class Framework(Frozen):
    """One such distribution; the module says what stands where."""

    name: str
    version: str
    carries: str
    build: str
    cuda: tuple[int, int] | None
    basis: str
    text: Text | None = None

    @property
    def is_gpu(self) -> bool:
        """Whether it is of use only with a GPU."""
        return self.build in {"cuda", "rocm", "xpu"}


class WheelBuild(Frozen):
    """For what a wheel of torch or a companion is built, and how that is known."""

    build: str
    cuda: tuple[int, int] | None
    basis: str


def wheel_build(name: str, version: str, index_urls: Iterable[str] = ()) -> WheelBuild:
    """For what torch, torchvision or torchaudio is built, on 64-bit Linux.

    Args:
        name: Normalised.
        version: Exact, with its local part; "" where it is open.
        index_urls: Every index, extra index and find-links that is in force; none for PyPI.

    """
    found = _LOCAL.search(version)
    if found:
        return _tagged(found["tag"], found["cuda"], f"{name} {version} says so itself")
    urls = list(index_urls)
    for url in urls:
        at = _INDEX.search(url)
        if at:
            return _tagged(at[1], at["cuda"], f"the index {at[0].strip('/_').removeprefix('whl/')}")
    cuda = default_cuda(name, version)
    what = f"{name} {version}".rstrip()
    mirror = "" if _is_pypi(urls) else ", and its index is taken for a mirror of PyPI"
    return WheelBuild("cuda", cuda, f"PyPI's {what} for Linux is built for CUDA{mirror}")


def _is_pypi(urls: Iterable[str]) -> bool:
    return all(not url or "pypi.org" in url or "pytorch.org" in url for url in urls)


def default_cuda(name: str, version: str) -> tuple[int, int] | None:
    """The CUDA of PyPI's wheel; None for a version that is open or not known."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        return None
    major, minor = int(found[1]), int(found[2])
    if name == "torchvision":
        return (
            DEFAULT_CUDA.get(_VISION_OF_ONE.get(minor, (2, minor - _VISION_OFFSET))) if major == 0 else None
        )
    return DEFAULT_CUDA.get((major, minor))


def framework_of(
    name: str,
    version: str = "",
    extras: Iterable[str] = (),
    index_urls: Iterable[str] = (),
    text: Text | None = None,
) -> Framework | None:
    """What a distribution has to do with CUDA; None for one that has nothing.

    Args:
        name: Normalised.
        version: Exact, with its local part; "" where it is open.
        extras: Normalised.
        index_urls: As for `wheel_build`.
        text: Where it is asked for.

    """
    if name in TORCH_FAMILY:
        wheel = wheel_build(name, version, index_urls)
        carries = "none" if wheel.build == "cpu" else "wheels"
        return Framework(name, version, carries, wheel.build, wheel.cuda, wheel.basis, text)
    kind = _other(name, tuple(extras))
    if kind is None:
        return None
    carries, build, cuda, basis = kind
    return Framework(name, version, carries, build, cuda, basis, text)


Kind = tuple[str, str, tuple[int, int] | None, str]

_THROUGH_TORCH: Final = (
    "wheels",
    "cuda",
    None,
    "its wheels require nvidia-* wheels, themselves or through torch",
)
_LOADS: Final = ("system", "unknown", None, "its wheels load CUDA and carry none")
_COMPILED: Final = ("source", "unknown", None, "PyPI has no wheel of it")
_OTHERS: Final[dict[str, Kind]] = {
    # by what uv locks for each of them alone (November 2026)
    **dict.fromkeys(("bitsandbytes", "exllamav2", "flashinfer-python", "lmdeploy"), _THROUGH_TORCH),
    **dict.fromkeys(("sglang", "unsloth", "vllm", "xformers"), _THROUGH_TORCH),
    **dict.fromkeys(("ctranslate2", "faster-whisper"), _LOADS),
    **dict.fromkeys(("flash-attn", "llama-cpp-python", "deepspeed"), _COMPILED),
}


def _other(name: str, extras: tuple[str, ...]) -> Kind | None:
    """Carries, build, CUDA and basis of what is not torch."""
    cupy = _CUPY.fullmatch(name)
    if cupy:
        cuda = (int(cupy[1]), int(cupy[2])) if cupy[2] else None
        return "wheels" if "ctk" in extras else "system", "cuda", cuda, "its name"
    if name == "onnxruntime-gpu":
        return "wheels" if {"cuda", "cudnn"} <= set(extras) else "system", "cuda", None, "its extras"
    if name in {"jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin"}:
        return _jax(name, extras)
    return _tensorflow(name, extras) if name.startswith("tensorflow") else _OTHERS.get(name)


def _tensorflow(name: str, extras: tuple[str, ...]) -> Kind | None:
    if name not in {"tensorflow", "tensorflow-cpu", "tensorflow-gpu"}:
        return None
    if "and-cuda" in extras:
        return "wheels", "cuda", None, "its extra brings nvidia-* wheels"
    build = {"tensorflow-cpu": "cpu", "tensorflow-gpu": "cuda"}.get(name, "unknown")
    return "none" if build == "cpu" else "system", build, None, "its name"


def _jax(name: str, extras: tuple[str, ...]) -> Kind:
    local = next((extra for extra in extras if extra.startswith("cuda") and extra.endswith("-local")), None)
    if local:
        return "system", "cuda", None, "its extra says that CUDA is the system's"
    is_plugin = "plugin" in name
    if ("with-cuda" in extras and is_plugin) or any(map(_CUDA_EXTRA.fullmatch, extras)):
        return "wheels", "cuda", None, "its extra brings nvidia-* wheels"
    if is_plugin:
        return "system", "cuda", None, "without its extra it loads CUDA and brings none"
    return "none", "cpu", None, "it has no CUDA extra"


def _tagged(tag: str, cuda: str | None, basis: str) -> WheelBuild:
    if cuda:
        return WheelBuild("cuda", (int(cuda[:-1]), int(cuda[-1])), basis)
    return WheelBuild("rocm" if tag.startswith("rocm") else tag, None, basis)
