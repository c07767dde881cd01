"""What is known of public base images by name: tables, each with where it comes from. Nothing is asked.

Only what a release's own documents say is here; what changes under a tag without a version is left out.
"""

from __future__ import annotations

from typing import Final

from wherry.frozen import Frozen

Version = tuple[int, int]

SUITES: Final[dict[str, Version]] = {
    # the Python that `apt install python3` gives: bullseye to trixie by their mirror, 26.04 by the notes of
    # actions/runner-images, the others by packages.debian.org and packages.ubuntu.com (November 2026)
    "stretch": (3, 5),
    "buster": (3, 7),
    "bullseye": (3, 9),
    "bookworm": (3, 11),
    "trixie": (3, 13),
    "ubuntu16.04": (3, 5),
    "ubuntu18.04": (3, 6),
    "ubuntu20.04": (3, 8),
    "ubuntu22.04": (3, 10),
    "ubuntu24.04": (3, 12),
    "ubuntu26.04": (3, 14),
}
DEBIAN_NUMBERS: Final = {
    "9": "stretch",
    "10": "buster",
    "11": "bullseye",
    "12": "bookworm",
    "13": "trixie",
}
DEBIAN_SUITES: Final = frozenset({*DEBIAN_NUMBERS.values(), "forky", "sid"})
UBUNTU_NAMES: Final = {
    "xenial": "ubuntu16.04",
    "bionic": "ubuntu18.04",
    "focal": "ubuntu20.04",
    "jammy": "ubuntu22.04",
    "noble": "ubuntu24.04",
    "resolute": "ubuntu26.04",
}

PACKAGE_MANAGERS: Final[tuple[tuple[str, str], ...]] = (
    # beginnings of a distro's name, and its package manager
    ("ubuntu", "apt"),
    ("debian", "apt"),
    ("alpine", "apk"),
    ("wolfi", "apk"),
    ("ubi", "dnf"),
    ("rockylinux", "dnf"),
    ("almalinux", "dnf"),
    ("oraclelinux", "dnf"),
    ("fedora", "dnf"),
    ("amazonlinux2023", "dnf"),
    ("amazonlinux", "yum"),
    ("centos7", "yum"),
    ("centos", "dnf"),
    ("opensuse", "zypper"),
    ("azurelinux", "tdnf"),
)


class Ngc(Frozen):
    """One monthly release of NVIDIA's framework containers."""

    cuda: Version
    python: Version
    distro: str


_PY38: Final = ((3, 8), "ubuntu20.04")
_PY310: Final = ((3, 10), "ubuntu22.04")
_PY312: Final = ((3, 12), "ubuntu24.04")

_NGC_MONTHLY: Final = frozenset(
    f"nvcr.io/nvidia/{name}"
    for name in ("cuda-dl-base", "jax", "paddlepaddle", "pytorch", "tensorflow", "tensorrt", "tritonserver")
)
"""Repositories whose tags are those months; others, as nemo, number their releases in the same way."""

_NGC: Final[dict[str, Ngc]] = {
    # "CUDA" and "Container OS" of docs.nvidia.com/deeplearning/frameworks/support-matrix; checked in November
    # 2026 against the release notes of Triton Inference Server, "Driver Requirements", and its compatibility
    # matrix (triton-inference-server/server, docs/introduction/compatibility.md, from 24.04 on)
    "22.12": Ngc((11, 8), *_PY38),
    "23.01": Ngc((12, 0), *_PY38),
    "23.02": Ngc((12, 0), *_PY38),
    "23.03": Ngc((12, 1), *_PY38),
    "23.04": Ngc((12, 1), *_PY38),
    "23.05": Ngc((12, 1), *_PY310),
    "23.06": Ngc((12, 1), *_PY310),
    "23.07": Ngc((12, 1), *_PY310),
    "23.08": Ngc((12, 2), *_PY310),
    "23.09": Ngc((12, 2), *_PY310),
    "23.10": Ngc((12, 2), *_PY310),
    "23.11": Ngc((12, 3), *_PY310),
    "23.12": Ngc((12, 3), *_PY310),
    "24.01": Ngc((12, 3), *_PY310),
    "24.02": Ngc((12, 3), *_PY310),
    "24.03": Ngc((12, 4), *_PY310),
    "24.04": Ngc((12, 4), *_PY310),
    "24.05": Ngc((12, 4), *_PY310),
    "24.06": Ngc((12, 5), *_PY310),
    "24.07": Ngc((12, 5), *_PY310),
    "24.08": Ngc((12, 6), *_PY310),
    "24.09": Ngc((12, 6), *_PY310),
    "24.10": Ngc((12, 6), *_PY310),
    "24.11": Ngc((12, 6), *_PY312),
    "24.12": Ngc((12, 6), *_PY312),
    "25.01": Ngc((12, 8), *_PY312),
    "25.02": Ngc((12, 8), *_PY312),
    "25.03": Ngc((12, 8), *_PY312),
    "25.04": Ngc((12, 9), *_PY312),
    "25.05": Ngc((12, 9), *_PY312),
    "25.06": Ngc((12, 9), *_PY312),
    "25.07": Ngc((12, 9), *_PY312),
    "25.08": Ngc((13, 0), *_PY312),
    "25.09": Ngc((13, 0), *_PY312),
    "25.10": Ngc((13, 0), *_PY312),
    "25.11": Ngc((13, 0), *_PY312),
    "25.12": Ngc((13, 1), *_PY312),
    "26.01": Ngc((13, 1), *_PY312),
    "26.02": Ngc((13, 1), *_PY312),
    "26.03": Ngc((13, 2), *_PY312),
    "26.04": Ngc((13, 2), *_PY312),
    "26.05": Ngc((13, 2), *_PY312),
    "26.06": Ngc((13, 3), *_PY312),
    "26.07": Ngc((13, 3), *_PY312),
    "26.08": Ngc((13, 4), *_PY312),
}


def ngc_of(repository: str, tag: str) -> Ngc | None:
    """The month that an image is of; those with TensorRT-LLM are of a month of their own."""
    return _NGC.get(tag[:5]) if repository in _NGC_MONTHLY and "trtllm" not in tag else None


TENSORFLOW_CUDA: Final[dict[Version, Version]] = {
    # tensorflow.org/install/source, "Tested build configurations", GPU; those of 2.15 to 2.19 are also what
    # the extra and-cuda of the wheels requires (November 2026)
    (2, 5): (11, 2),
    (2, 6): (11, 2),
    (2, 7): (11, 2),
    (2, 8): (11, 2),
    (2, 9): (11, 2),
    (2, 10): (11, 2),
    (2, 11): (11, 2),
    (2, 12): (11, 8),
    (2, 13): (11, 8),
    (2, 14): (11, 8),
    (2, 15): (12, 2),
    (2, 16): (12, 3),
    (2, 17): (12, 3),
    (2, 18): (12, 5),
    (2, 19): (12, 5),
    (2, 20): (12, 5),
}


class Family(Frozen):
    """What images of one repository have in common.

    Attributes:
        name: The family.
        frameworks: Python packages it was made to carry.
        user: The user it starts as, where that is not root.
        has_python: A Python of its own is on the PATH.
        distro: Its system, where no tag says otherwise.
        tools: "compiler" or "nvcc", where every image of it has them.

    """

    name: str
    frameworks: tuple[str, ...] = ()
    user: str = ""
    has_python: bool = True
    distro: str = ""
    tools: tuple[str, ...] = ()


_NVCC: Final = ("compiler", "nvcc")

FAMILIES: Final[dict[str, Family]] = {
    # a repository, or "owner/*" for all of an owner; user and distro as the last USER and the FROM of its own
    # Dockerfile say
    "scratch": Family("scratch", has_python=False),
    "python": Family("python", distro="debian"),
    "pypy": Family("python", distro="debian"),
    "debian": Family("debian", has_python=False, distro="debian"),
    "ubuntu": Family("ubuntu", has_python=False, distro="ubuntu"),
    "buildpack-deps": Family("debian", has_python=False, distro="debian", tools=("compiler",)),
    "alpine": Family("alpine", has_python=False, distro="alpine"),
    "busybox": Family("busybox", has_python=False),
    "centos": Family("centos", has_python=False, distro="centos"),
    "rockylinux": Family("rockylinux", has_python=False, distro="rockylinux"),
    "rockylinux/rockylinux": Family("rockylinux", has_python=False, distro="rockylinux"),
    "almalinux": Family("almalinux", has_python=False, distro="almalinux"),
    "registry.fedoraproject.org/fedora": Family("fedora", has_python=False, distro="fedora"),
    "quay.io/centos/centos": Family("centos", has_python=False, distro="centos"),
    "quay.io/condaforge/miniforge3": Family("conda", distro="ubuntu"),
    "rocker/*": Family("r", has_python=False, distro="ubuntu"),
    "nixos/nix": Family("nix", has_python=False),
    "r8.im/*": Family("cog"),
    "apache/spark": Family("spark", has_python=False, user="spark", distro="ubuntu"),
    "fedora": Family("fedora", has_python=False, distro="fedora"),
    "amazonlinux": Family("amazonlinux", has_python=False, distro="amazonlinux"),
    "opensuse/leap": Family("opensuse", has_python=False, distro="opensuse"),
    "opensuse/tumbleweed": Family("opensuse", has_python=False, distro="opensuse"),
    "node": Family("node", has_python=False, distro="debian"),
    "golang": Family("go", has_python=False, distro="debian", tools=("compiler",)),
    "rust": Family("rust", has_python=False, distro="debian", tools=("compiler",)),
    "gcc": Family("gcc", has_python=False, distro="debian", tools=("compiler",)),
    "nginx": Family("nginx", has_python=False, distro="debian"),
    "nvidia/cuda": Family("cuda", has_python=False, distro="ubuntu"),
    "nvidia/cudagl": Family("cuda", has_python=False, distro="ubuntu"),
    "nvcr.io/nvidia/cuda": Family("cuda", has_python=False, distro="ubuntu"),
    "nvcr.io/nvidia/pytorch": Family("nvidia", ("torch",), distro="ubuntu", tools=_NVCC),
    "nvcr.io/nvidia/tensorflow": Family("nvidia", ("tensorflow",), distro="ubuntu", tools=_NVCC),
    "nvcr.io/nvidia/jax": Family("nvidia", ("jax",), distro="ubuntu", tools=_NVCC),
    "nvcr.io/nvidia/tritonserver": Family("nvidia", distro="ubuntu"),
    "nvcr.io/nvidia/tensorrt": Family("nvidia", distro="ubuntu", tools=_NVCC),
    "nvcr.io/nvidia/l4t-base": Family("nvidia", has_python=False, distro="ubuntu"),
    "nvcr.io/nvidia/l4t-pytorch": Family("nvidia", ("torch",), distro="ubuntu"),
    "nvcr.io/*": Family("nvidia", distro="ubuntu"),
    "pytorch/pytorch": Family("pytorch", ("torch",), distro="ubuntu"),
    "pytorch/torchserve": Family("pytorch", ("torch",), user="model-server", distro="ubuntu"),
    "tensorflow/tensorflow": Family("tensorflow", ("tensorflow",), distro="ubuntu"),
    "tensorflow/serving": Family("tensorflow", has_python=False, distro="ubuntu"),
    "rocm/pytorch": Family("rocm", ("torch",), distro="ubuntu", tools=("compiler",)),
    "rocm/tensorflow": Family("rocm", ("tensorflow",), distro="ubuntu", tools=("compiler",)),
    "rocm/vllm": Family("rocm", ("torch", "vllm"), distro="ubuntu"),
    "rocm/*": Family("rocm", has_python=False, distro="ubuntu"),
    "continuumio/miniconda3": Family("conda", distro="debian"),
    "continuumio/anaconda3": Family("conda", distro="debian"),
    "conda/miniconda3": Family("conda", distro="debian"),
    "condaforge/miniforge3": Family("conda", distro="ubuntu"),
    "condaforge/mambaforge": Family("conda", distro="ubuntu"),
    "mambaorg/micromamba": Family("conda", user="mambauser", has_python=False, distro="debian"),
    "jupyter/*": Family("jupyter", user="jovyan", distro="ubuntu"),
    "quay.io/jupyter/*": Family("jupyter", user="jovyan", distro="ubuntu"),
    "ghcr.io/astral-sh/uv": Family("uv"),
    "huggingface/transformers-pytorch-gpu": Family("huggingface", ("torch", "transformers"), distro="ubuntu"),
    "huggingface/transformers-pytorch-cpu": Family("huggingface", ("torch", "transformers"), distro="ubuntu"),
    "huggingface/*": Family("huggingface", distro="ubuntu"),
    "ghcr.io/huggingface/*": Family("huggingface", distro="ubuntu"),
    "vllm/vllm-openai": Family("vllm", ("torch", "vllm"), distro="ubuntu"),
    "lmsysorg/sglang": Family("sglang", ("torch", "sglang"), distro="ubuntu"),
    "ollama/ollama": Family("ollama", has_python=False, distro="ubuntu"),
    "rayproject/ray": Family("ray", user="ray", distro="ubuntu"),
    "rayproject/ray-ml": Family("ray", user="ray", distro="ubuntu"),
    "apache/airflow": Family("airflow", user="airflow", distro="debian"),
    "bentoml/*": Family("bentoml"),
    "runpod/pytorch": Family("runpod", ("torch",), distro="ubuntu"),
    "runpod/*": Family("runpod", distro="ubuntu"),
    "tiangolo/uvicorn-gunicorn-fastapi": Family("python", distro="debian"),
    "public.ecr.aws/lambda/python": Family("lambda", distro="amazonlinux"),
    "gcr.io/deeplearning-platform-release/*": Family("google", distro="debian"),
    "us-docker.pkg.dev/vertex-ai/*": Family("google", distro="debian"),
    "gcr.io/distroless/python3": Family("distroless", distro="debian"),
    "gcr.io/distroless/*": Family("distroless", has_python=False, distro="debian"),
    "cgr.dev/chainguard/python": Family("chainguard", user="nonroot", distro="wolfi"),
    "cgr.dev/chainguard/*": Family("chainguard", user="nonroot", has_python=False, distro="wolfi"),
    "mcr.microsoft.com/azureml/*": Family("azureml", distro="ubuntu"),
    "mcr.microsoft.com/devcontainers/*": Family("devcontainer"),
    "registry.access.redhat.com/*": Family("ubi", has_python=False, distro="ubi"),
    "registry.redhat.io/*": Family("ubi", has_python=False, distro="ubi"),
}

MIRRORED: Final = frozenset(
    name
    for name in FAMILIES
    if "*" not in name and "." not in name.partition("/")[0] and ("/" in name or name == "python")
)
"""Repositories of Docker Hub that are known under other registries' names too, by how those end."""


class Fate(Frozen):
    """That a tag is gone from its registry, or will be, and who says so."""

    is_gone: bool  # pulling it fails; else its end is announced
    source: str
    successor: str = ""  # the CUDA of the same minor version whose tags stay


# Tags are deleted six months after the end of the driver that a toolkit came with (October 2022):
# gitlab.com/nvidia/container-images/cuda/-/issues/177

CUDA_LATEST: Final = Fate(is_gone=True, source="github.com/NVIDIA/nvidia-docker/issues/1454")
CUDA_LAST_GONE: Final[Version] = (11, 0)
CUDA_GONE: Final = Fate(is_gone=True, source="github.com/NVIDIA/nvidia-docker/issues/1768 and 1735")
CUDA_CENTOS7: Final = Fate(is_gone=True, source="github.com/NVIDIA/nvidia-docker/issues/1789")
CUDA_ANNOUNCED: Final[dict[str, Fate]] = {
    "11.2.0": Fate(is_gone=True, source="github.com/DARMA-tasking/vt/issues/2235", successor="11.2.2"),
    "11.2.1": Fate(is_gone=True, source="github.com/iterative/cml/pull/1405", successor="11.2.2"),
    "11.7.0": Fate(
        is_gone=True, source="github.com/deepmodeling/abacus-develop/pull/2698", successor="11.7.1"
    ),
    "12.1.0": Fate(is_gone=False, source="github.com/runpod/containers/issues/61", successor="12.1.1"),
}

NVIDIA_ENV: Final = frozenset({"LD_LIBRARY_PATH", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"})
"""What images of nvidia/cuda, pytorch/pytorch and NGC set."""

NGC_TORCH_ENV: Final = frozenset({"TORCH_CUDA_ARCH_LIST"})
"""What NGC's PyTorch sets besides."""

WORKDIRS: Final = {
    # where images begin that do not begin at /: by their own Dockerfiles
    "pytorch/pytorch": "/workspace",
    "nvcr.io/nvidia/pytorch": "/workspace",
    "nvcr.io/nvidia/tensorflow": "/workspace",
    "nvcr.io/nvidia/tritonserver": "/opt/tritonserver",
    "mambaorg/micromamba": "/tmp",  # noqa: S108 - in an image
    "apache/airflow": "/opt/airflow",
    "public.ecr.aws/lambda/python": "/var/task",
    "rayproject/ray": "/home/ray",
}
FROM_ROOT: Final = frozenset({"python", "cuda", "debian", "ubuntu", "alpine", "uv", "distroless", "scratch"})
"""Families whose images begin at /."""
