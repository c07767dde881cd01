"""What a base image is, read off its reference: `base_facts`. Nothing is asked of any registry.

A field that the reference does not tell is empty or None; a fact is given only where the tag says it or a
release's own documents do (`base_tables`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from wherry.check.facts.base_tables import (
    CUDA_ANNOUNCED,
    CUDA_CENTOS7,
    CUDA_GONE,
    CUDA_LAST_GONE,
    CUDA_LATEST,
    DEBIAN_NUMBERS,
    DEBIAN_SUITES,
    FAMILIES,
    FROM_ROOT,
    MIRRORED,
    NGC_TORCH_ENV,
    NVIDIA_ENV,
    PACKAGE_MANAGERS,
    SUITES,
    TENSORFLOW_CUDA,
    UBUNTU_NAMES,
    WORKDIRS,
    Family,
    Fate,
    Version,
    ngc_of,
)
from wherry.frozen import Frozen
from wherry.regex import regex

_HUB: Final = "docker.io"
_HUB_NAMES: Final = frozenset(
    {_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "mirror.gcr.io"}
)
_HUB_COPIES: Final = (
    # what other registries put before the names of Docker Hub
    "public.ecr.aws/docker/",
    "mcr.microsoft.com/mirror/docker/",
)
_NOTHING: Final = Family("", has_python=False)
_VERSION: Final = regex(r"\d{1,8}(?:\.\d{1,4}){0,3}")
_CUDA: Final = regex(r"(?<![a-z])cuda-?(\d{1,2})\.(\d{1,2})|(?<![a-z])cu(?:da)?(\d\d)(\d)(?!\d)")
_PYTHON: Final = regex(r"(?<![a-z])py(?:thon)?-?(3)\.?(\d{1,2})(?![\d.]*\d*[a-z])")
_CUDNN: Final = regex(r"(?<![a-z])cudnn")
_UBUNTU: Final = regex(r"(?<![a-z])ubuntu-?(\d\d)\.?(04|10)(?!\d)")
_NUMBERED: Final = regex(
    r"(?<![a-z])(alpine|debian|centos|ubi|rockylinux|rocky|almalinux|fedora|oraclelinux|amazonlinux|amzn)"
    r"-?(\d{1,4}(?:\.\d{1,2})?)"
)
_NUMBERED_DISTROS: Final = frozenset({"rockylinux", "almalinux", "fedora", "amazonlinux", "centos"})
_LONG_NAMES: Final = {"rocky": "rockylinux", "amzn": "amazonlinux"}
_FLAVOURS: Final = ("devel", "runtime", "base", "slim", "minimal", "alpine")
_GPU_FAMILIES: Final = frozenset({"cuda", "nvidia", "vllm", "sglang"})


class BaseFacts(Frozen):
    """One base image, as far as its reference tells.

    Attributes:
        reference: As the Dockerfile has it, its ARGs resolved; empty where one has no value.
        registry: ``docker.io``, ``nvcr.io``...; what mirrors Docker Hub is ``docker.io`` too.
        is_mirror: The reference names someone's mirror of that registry.
        repository: The name all mirrors share: ``python``, ``nvidia/cuda``, ``nvcr.io/nvidia/pytorch``.
        tag: Empty when none is given.
        digest: ``sha256:...``, or empty.
        family: ``python``, ``cuda`` (nvidia/cuda), ``pytorch``, ``nvidia`` (NGC's frameworks), ``rocm``,
            ``tensorflow``, ``conda``, ``jupyter``, ``uv``, ``huggingface``, ``vllm``, ``sagemaker``,
            ``distroless``, ``debian``, ``ubuntu``, ``alpine``, ``scratch``...; empty: nobody here knows it.
        version: The leading number of the tag: ``3.12`` of python:3.12-slim, ``2.4.0`` of pytorch/pytorch.
        flavour: ``devel``, ``runtime``, ``base``, ``slim``, ``minimal``, ``alpine``, or ``full`` for a
            python, debian-like or conda image that has none of these; else empty.
        cuda: Of the toolkit inside: ``(12, 4)``.
        has_cudnn: cuDNN is in it.
        python: Of the Python on its PATH: ``(3, 12)``. None where it has none or does not tell.
        distro: ``bookworm``, ``ubuntu22.04``, ``alpine3.20``, ``ubi9``; ``debian`` alone: no release told.
        distro_python: What that distro's own package ``python3`` is.
        package_manager: ``apt``, ``apk``, ``dnf``, ``yum``, ``zypper`` or empty.
        user: The user it starts as where known not to be root; empty: root, or not known.
        workdir: Where it begins: ``/``, ``/workspace``; empty: not known.
        has_compiler: A C compiler is known to be inside.
        has_nvcc: The CUDA compiler is known to be inside.
        frameworks: Python packages it is made to carry: ``torch``, ``tensorflow``, ``vllm``...
        env_names: Environment variables it is known to set which a Dockerfile may overwrite.
        fate: Its tag is known to be gone or announced to go; None: nothing is known.

    """

    reference: str
    registry: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""
    is_mirror: bool = False
    family: str = ""
    version: str = ""
    flavour: str = ""
    cuda: Version | None = None
    has_cudnn: bool = False
    python: Version | None = None
    distro: str = ""
    distro_python: Version | None = None
    package_manager: str = ""
    user: str = ""
    workdir: str = ""
    has_compiler: bool = False
    has_nvcc: bool = False
    frameworks: frozenset[str] = frozenset()
    env_names: frozenset[str] = frozenset()
    fate: Fate | None = None

    @property
    def is_scratch(self) -> bool:
        """It is ``scratch``: nothing at all."""
        return self.family == "scratch"

    @property
    def is_known(self) -> bool:
        """The family is known."""
        return bool(self.family)

    @property
    def is_gpu(self) -> bool:
        """It is made for a GPU: CUDA or ROCm is inside, or its name says so."""
        if self.cuda is not None or self.family in _GPU_FAMILIES or self.family == "rocm":
            return True
        return any(word == "gpu" or word.startswith("cuda") for word in _words(self.repository, self.tag))

    @property
    def is_client(self) -> bool:
        """It is Triton's SDK: the client's libraries and its load generator, which ask a server."""
        return self.repository.endswith("/tritonserver") and "sdk" in _words("", self.tag)

    @property
    def has_math_libraries(self) -> bool:
        """It brings CUDA's libraries (cuBLAS and so on) and not only cudart, as flavour ``base`` does."""
        return self.is_gpu and self.family != "rocm" and self.flavour != "base"

    @property
    def is_floating(self) -> bool:
        """It has no digest, and its tag is none, ``latest`` or another that names no version."""
        if self.digest or self.is_scratch or not self.reference:
            return False
        return self.tag in {"", "latest"} or (not re.search(r"\d", self.tag) and self.tag not in _RELEASES)


_RELEASES: Final = frozenset({*DEBIAN_SUITES, *UBUNTU_NAMES, *(f"{suite}-slim" for suite in DEBIAN_SUITES)})


class _Name(NamedTuple):
    registry: str
    repository: str
    tag: str
    digest: str
    is_mirror: bool = False


@lru_cache(maxsize=512)
def base_facts(reference: str) -> BaseFacts:
    """The facts of *reference* as it stands after FROM, its ARGs resolved. Never fails."""
    name = _split(reference.strip())
    if not name.repository:
        return BaseFacts(reference)
    family = _family(name)
    text = f"{name.repository}:{name.tag}".lower()
    distro = _distro(family, name, text)
    cuda = _cuda(family, name, text)
    flavour = _flavour(family, name, cuda)
    is_devel = flavour == "devel"
    return BaseFacts(
        reference,
        *name,
        family=family.name,
        version=_version(name.tag),
        flavour=flavour,
        cuda=cuda,
        has_cudnn=bool(_CUDNN.search(text)) or (family.name in {"nvidia", "pytorch"} and cuda is not None),
        python=_python(family, name, text),
        distro=distro,
        distro_python=SUITES.get(distro),
        package_manager=_package_manager(family, distro),
        user=_user(family, name),
        workdir=WORKDIRS.get(name.repository, "/" if family.name in FROM_ROOT else ""),
        has_compiler=is_devel or "compiler" in family.tools or _is_full_python(family, flavour),
        has_nvcc=(is_devel and cuda is not None) or "nvcc" in family.tools,
        frameworks=frozenset(family.frameworks),
        env_names=_env_names(family, name),
        fate=_fate(family, name, cuda),
    )


def _split(reference: str) -> _Name:
    text, _, digest = reference.partition("@")
    slash = text.rfind("/")
    last, _, tag = text[slash + 1 :].partition(":")
    path = text[: slash + 1] + last
    host, has_slash, rest = path.partition("/")
    if not has_slash or not (host == "localhost" or "." in host or ":" in host):
        host, rest = _HUB, path
    if host in _HUB_NAMES:
        return _Name(_HUB, rest.removeprefix("library/"), tag, digest, host == "mirror.gcr.io")
    whole = f"{host}/{rest}"
    for beginning in _HUB_COPIES:
        if whole.startswith(beginning):
            rest = whole.removeprefix(beginning).removeprefix("library/")
            return _Name(_HUB, rest, tag, digest, is_mirror=True)
    mirrored = _mirrored(rest)
    if mirrored and host != "nvcr.io":
        return _Name(_HUB, mirrored, tag, digest, is_mirror=True)
    return _Name(host, whole, tag, digest)


def _mirrored(path: str) -> str:
    """What a registry of someone's own mirrors: ``hub-proxy/library/python``, ``docker.io/nvidia/cuda``."""
    parts = path.split("/")
    last_two = "/".join(parts[-2:])
    if len(parts) > 1 and parts[-2] == "library" and parts[-1] in FAMILIES:
        return parts[-1]
    if parts[:-2] and last_two in MIRRORED:
        return last_two
    return last_two if last_two in {"nvidia/cuda", "pytorch/pytorch", "tensorflow/tensorflow"} else ""


def _family(name: _Name) -> Family:
    if name.repository in FAMILIES:
        return FAMILIES[name.repository]
    if name.repository.startswith("gcr.io/distroless/python3"):
        return FAMILIES["gcr.io/distroless/python3"]
    owner = name.repository
    while "/" in owner:
        owner = owner.rpartition("/")[0]
        if f"{owner}/*" in FAMILIES:
            return FAMILIES[f"{owner}/*"]
    last = name.repository.rpartition("/")[2]
    if ".dkr.ecr." in name.registry and re.match(r"(?:huggingface-)?(?:pytorch|tensorflow)-", last):
        framework = "torch" if "pytorch" in last else "tensorflow"
        return Family("sagemaker", (framework,), distro="ubuntu")
    return _NOTHING


def _words(repository: str, tag: str) -> frozenset[str]:
    return frozenset(re.split(r"[-_.:]", f"{repository.rpartition('/')[2]}:{tag}".lower()))


def _version(tag: str) -> str:
    found = _VERSION.match(tag.removeprefix("v"))
    return found[0] if found else ""


def _pair(text: str) -> Version | None:
    """``(3, 12)`` of ``3.12.4``; None of anything with fewer than two numbers."""
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor)) if major and minor else None


def _distro(family: Family, name: _Name, text: str) -> str:
    told = _distro_told(name.tag if family.name == "alpine" else "", text)
    if told:
        return told
    if release := ngc_of(name.repository, name.tag):
        return release.distro
    if family.name == "lambda" and (python := _pair(_version(name.tag))):
        return "amazonlinux2023" if python >= (3, 12) else "amazonlinux2"
    is_its_own = family.name in {"debian", "ubuntu"} or family.distro in _NUMBERED_DISTROS
    return _numbered(family.distro, name.tag) if is_its_own else family.distro


def _distro_told(alpine_tag: str, text: str) -> str:
    """What a name says of its distro: ``ubuntu22.04``, ``jammy``, ``bookworm``, ``debian12``, ``ubi9``."""
    if ubuntu := _UBUNTU.search(text):
        return f"ubuntu{ubuntu[1]}.{ubuntu[2]}"
    words = frozenset(re.split(r"[-:_./]", text))
    named = [*sorted(DEBIAN_SUITES & words), *(UBUNTU_NAMES[word] for word in UBUNTU_NAMES if word in words)]
    if named:
        return named[0]
    if found := _NUMBERED.search(text):
        distro = _LONG_NAMES.get(found[1], found[1])
        if distro == "debian":
            return DEBIAN_NUMBERS.get(found[2], "debian")
        return distro + _release(distro, found[2])
    return _numbered("alpine", alpine_tag) if "alpine" in words else ""


def _numbered(distro: str, tag: str) -> str:
    """The distro of its own image: ``debian:12.5`` is bookworm, ``ubuntu:22.04`` is ubuntu22.04."""
    version = _version(tag)
    if distro == "debian":
        return DEBIAN_NUMBERS.get(version.partition(".")[0], "debian")
    return distro + _release(distro, version)


def _release(distro: str, version: str) -> str:
    """Of a version what names a release: two numbers of ubuntu and alpine, one of the others."""
    if distro in {"ubuntu", "alpine"}:
        return ".".join(version.split(".")[:2])
    return version.partition(".")[0]


def _cuda(family: Family, name: _Name, text: str) -> Version | None:
    if family.name == "cuda":
        return _pair(_version(name.tag))
    if found := _CUDA.search(text):
        return (int(found[1] or found[3]), int(found[2] or found[4]))
    if release := ngc_of(name.repository, name.tag):
        return release.cuda
    if family.name == "tensorflow" and "gpu" in name.tag:
        return TENSORFLOW_CUDA.get(_pair(_version(name.tag)) or (0, 0))
    return None


def _python(family: Family, name: _Name, text: str) -> Version | None:
    if name.repository in {"python", "public.ecr.aws/lambda/python"}:
        return _pair(_version(name.tag))
    if found := _PYTHON.search(text):
        return (int(found[1]), int(found[2]))
    if release := ngc_of(name.repository, name.tag):
        return release.python
    if family.name == "distroless" and "python3" in text:
        return SUITES.get(_distro(family, name, text))
    return None


def _flavour(family: Family, name: _Name, cuda: Version | None) -> str:
    words = _words(name.repository, name.tag)
    for flavour in _FLAVOURS:
        if flavour in words:
            if flavour == "base" and family.name not in {"cuda", "rocm", "azureml", ""}:
                continue
            return flavour
    if ("dev" in words and family.name == "rocm") or ("build" in words and family.name == "sagemaker"):
        return "devel"
    if family.name == "alpine" or any(word.startswith("alpine") for word in words):
        return "alpine"
    if family.name == "pytorch" and name.tag in {"", "latest"}:
        return "runtime"
    if family.name == "nvidia" and "nvcc" in family.tools:
        return "devel"
    is_plain = family.name in {"python", "debian", "ubuntu"} or (family.name == "conda" and family.has_python)
    return "full" if is_plain and cuda is None else ""


def _env_names(family: Family, name: _Name) -> frozenset[str]:
    if family.name not in {"cuda", "nvidia", "pytorch"}:
        return frozenset()
    return NVIDIA_ENV | NGC_TORCH_ENV if name.repository == "nvcr.io/nvidia/pytorch" else NVIDIA_ENV


def _is_full_python(family: Family, flavour: str) -> bool:
    """``python:3.12`` stands on buildpack-deps, which has gcc and headers."""
    return family.name == "python" and flavour == "full"


def _package_manager(family: Family, distro: str) -> str:
    if family.name in {"distroless", "scratch", "busybox"}:
        return ""
    if distro in DEBIAN_SUITES:
        return "apt"
    for beginning, manager in PACKAGE_MANAGERS:
        if distro.startswith(beginning):
            return manager
    return ""


def _user(family: Family, name: _Name) -> str:
    if family.name == "distroless" and "nonroot" in name.tag:
        return "nonroot"
    return family.user


def _fate(family: Family, name: _Name, cuda: Version | None) -> Fate | None:
    if family.name != "cuda" or name.registry != _HUB or name.is_mirror:
        return None
    if name.digest:
        return None
    if name.tag in {"", "latest"}:
        return CUDA_LATEST
    if cuda is not None and cuda <= CUDA_LAST_GONE:
        return CUDA_GONE
    if name.tag.endswith("centos7"):
        return CUDA_CENTOS7
    return CUDA_ANNOUNCED.get(_version(name.tag))
