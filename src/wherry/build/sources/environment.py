"""What a build may see of this machine: compilers, certificates, proxies and the index settings uv reads.

All of it goes through the environment, so no credential is ever on a command line. The rest (home, time zone,
locale, hash seed, clock of the archive) is the same in every build.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.layers.model import MTIME

if TYPE_CHECKING:
    from collections.abc import Mapping

TOOLCHAIN: Final = frozenset(
    {
        "AR",
        "ARCHFLAGS",
        "AS",
        "CC",
        "CFLAGS",
        "CMAKE_ARGS",
        "CMAKE_GENERATOR",
        "CMAKE_PREFIX_PATH",
        "CPATH",
        "CPP",
        "CPPFLAGS",
        "CUDA_HOME",
        "CUDA_PATH",
        "CXX",
        "CXXFLAGS",
        "C_INCLUDE_PATH",
        "CPLUS_INCLUDE_PATH",
        "FC",
        "FFLAGS",
        "JAVA_HOME",
        "LD",
        "LDFLAGS",
        "LDSHARED",
        "LIBRARY_PATH",
        "NVCC_FLAGS",
        "PKG_CONFIG",
        "PKG_CONFIG_LIBDIR",
        "PKG_CONFIG_PATH",
        "RUSTFLAGS",
        "TORCH_CUDA_ARCH_LIST",
    }
)
"""What decides how native code is compiled: let through, and part of a built wheel's key."""

_WORLD: Final = frozenset(
    {
        "ALL_PROXY",
        "CMAKE_BUILD_PARALLEL_LEVEL",
        "CURL_CA_BUNDLE",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LD_LIBRARY_PATH",
        "MAX_JOBS",
        "NETRC",
        "NO_PROXY",
        "PATH",
        "PYENV_ROOT",
        "REQUESTS_CA_BUNDLE",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "SSL_CLIENT_CERT",
        "all_proxy",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "UV_CACHE_DIR",
        "UV_CONCURRENT_DOWNLOADS",
        "UV_CONFIG_FILE",
        "UV_EXCLUDE_NEWER",
        "UV_INSECURE_HOST",
        "UV_KEYRING_PROVIDER",
        "UV_NATIVE_TLS",
        "UV_NO_CONFIG",
        "UV_PYTHON_DOWNLOADS",
        "UV_PYTHON_INSTALL_DIR",
        "UV_PYTHON_INSTALL_MIRROR",
        "UV_PYTHON_PREFERENCE",
        "UV_REQUEST_TIMEOUT",
        "UV_SYSTEM_CERTS",
    }
)
_WORLD_PREFIXES: Final = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_HTTP_",
    "UV_NO_INDEX",
)


def build_environment(host: Mapping[str, str], work: Path) -> dict[str, str]:
    """The environment of a build: what is let in, and fixed values for what would make builds differ.

    Args:
        host: This process's environment.
        work: A private directory; HOME and TMPDIR are made below it.

    """
    home, temporary = work / "home", work / "tmp"
    for directory in (home / ".config", temporary):
        directory.mkdir(parents=True, exist_ok=True)
    allowed = {
        name: value
        for name, value in host.items()
        if name in TOOLCHAIN or name in _WORLD or name.startswith(_WORLD_PREFIXES)
    }
    # Debug information and __FILE__ would carry the private directory's name, another one in every build.
    mapped = f"-ffile-prefix-map={work}=."
    return {
        **_places_of_uv(host, home),
        **allowed,
        "CFLAGS": f"{allowed.get('CFLAGS', '')} {mapped}".strip(),
        "CXXFLAGS": f"{allowed.get('CXXFLAGS', '')} {mapped}".strip(),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "SOURCE_DATE_EPOCH": str(MTIME),
        "GIT_CEILING_DIRECTORIES": str(work),  # what lies above a copy is not its repository
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


def _places_of_uv(host: Mapping[str, str], home: Path) -> dict[str, str]:
    """Where uv keeps things, said aloud because HOME is another one. Of settings only uv's own are linked."""
    user = host.get("HOME", "")
    if not Path(user).is_absolute():
        return {}
    cache = host.get("XDG_CACHE_HOME") or f"{user}/.cache"
    data = host.get("XDG_DATA_HOME") or f"{user}/.local/share"
    config = Path(host.get("XDG_CONFIG_HOME") or f"{user}/.config", "uv")
    if config.is_dir():
        with suppress(FileExistsError):
            (home / ".config" / "uv").symlink_to(config)
    places = {"UV_CACHE_DIR": f"{cache}/uv", "UV_PYTHON_INSTALL_DIR": f"{data}/uv/python"}
    for name, path in (("NETRC", ".netrc"), ("RUSTUP_HOME", ".rustup"), ("PYENV_ROOT", ".pyenv")):
        if Path(user, path).exists():
            places[name] = f"{user}/{path}"
    return places
