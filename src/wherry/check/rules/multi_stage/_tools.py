"""What only a build needs: compilers, headers, build systems; and the libraries behind the headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.installs import Install, PackageArgument
    from wherry.check.facts.stages import StageFacts

_NAMES: Final = regex(
    r"build-essential|build-base|base-devel|gcc(?:-\d+|-c\+\+)?|g\+\+(?:-\d+)?|gfortran(?:-\d+)?|clang(?:-\d+)?|lld(?:-\d+)?"
    r"|make|cmake|ninja|ninja-build|meson|autoconf|automake|libtool|bison|flex|swig|nasm|yasm|ccache|bazel|patchelf"
    r"|pkg-config|pkgconf|rustc|cargo|rust|go|golang(?:-[\d.]+)?(?:-go)?|cuda-nvcc[\w.-]*|cuda-toolkit[\w.-]*"
    r"|cuda-compiler[\w.-]*|linux-headers|linux-headers-[\w.-]+|kernel-headers"
    r"|[\w.+-]+-dev|[\w.+-]+-devel|[\w.+-]+-headers"
)
_NOT: Final = regex(r"sgml-.*|x11proto.*")

_RUNTIME: Final[dict[str, str]] = {
    # a package of headers, and the one of the library that what was built with it needs; empty: nothing that
    # python:slim has not. Debian's names are those of bullseye, bookworm and trixie, or provided there
    # (packages.debian.org, November 2026)
    "build-essential": "",
    "build-base": "libstdc++",
    "gcc": "",
    "g++": "",
    "gfortran": "libgfortran5",
    "make": "",
    "cmake": "",
    "ninja": "",
    "ninja-build": "",
    "meson": "",
    "autoconf": "",
    "automake": "",
    "libtool": "",
    "bison": "",
    "flex": "",
    "swig": "",
    "nasm": "",
    "yasm": "",
    "ccache": "",
    "patchelf": "",
    "pkg-config": "",
    "pkgconf": "",
    "rustc": "",
    "cargo": "",
    "rust": "",
    "clang": "",
    "python3-dev": "",
    "python-dev": "",
    "libpython3-dev": "",
    "libc6-dev": "",
    "libc-dev": "",
    "linux-libc-dev": "",
    "musl-dev": "",
    "linux-headers": "",
    "libeigen3-dev": "",
    "rapidjson-dev": "",
    "zlib1g-dev": "",
    "libffi-dev": "",
    "libssl-dev": "",
    "libbz2-dev": "",
    "liblzma-dev": "",
    "libreadline-dev": "",
    "libsqlite3-dev": "",
    "libncurses-dev": "",
    "libpq-dev": "libpq5",
    "default-libmysqlclient-dev": "libmariadb3",
    "libmariadb-dev": "libmariadb3",
    "unixodbc-dev": "unixodbc",
    "freetds-dev": "libsybdb5",
    "libopenblas-dev": "libopenblas0",
    "liblapack-dev": "liblapack3",
    "libblas-dev": "libblas3",
    "libxml2-dev": "libxml2",
    "libxslt1-dev": "libxslt1.1",
    "libxslt-dev": "libxslt1.1",
    "libjpeg-dev": "libjpeg62-turbo",
    "libsndfile1-dev": "libsndfile1",
    "libgl1-mesa-dev": "libgl1",
    "libxrender-dev": "libxrender1",
    "libsm-dev": "libsm6",
    "libxext-dev": "libxext6",
    "libglib2.0-dev": "libglib2.0-0",
    "libmagic-dev": "libmagic1",
    "portaudio19-dev": "libportaudio2",
    "libcairo2-dev": "libcairo2",
    "libcurl4-openssl-dev": "libcurl4",
    "libfreetype-dev": "libfreetype6",
    "libfreetype6-dev": "libfreetype6",
    "libgeos-dev": "libgeos-c1v5",
    "libibverbs-dev": "libibverbs1",
    "libjpeg62-turbo-dev": "libjpeg62-turbo",
    "libkrb5-dev": "libgssapi-krb5-2",
    "liblz4-dev": "liblz4-1",
    "libmecab-dev": "libmecab2",
    "libnuma-dev": "libnuma1",
    "libpng-dev": "libpng16-16",
    "librdkafka-dev": "librdkafka1",
    "libsasl2-dev": "libsasl2-2",
    "libsnappy-dev": "libsnappy1v5",
    "libsox-dev": "libsox3",
    "libturbojpeg0-dev": "libturbojpeg0",
    "libusb-1.0-0-dev": "libusb-1.0-0",
    "libyaml-dev": "libyaml-0-2",
    "libzmq3-dev": "libzmq5",
    "libzstd-dev": "libzstd1",
    "postgresql-dev": "libpq",
    "mariadb-dev": "mariadb-connector-c",
    "openblas-dev": "openblas",
    "openssl-dev": "",
    "zlib-dev": "",
    "jpeg-dev": "libjpeg-turbo",
    "libjpeg-turbo-dev": "libjpeg-turbo",
}
_OF_ALPINE: Final[dict[str, str]] = {
    # what Debian's names stand for where Alpine has them too (pkgs.alpinelinux.org)
    "freetds-dev": "freetds",
    "g++": "libstdc++",
    "gfortran": "libgfortran",
    "libpng-dev": "libpng",
    "libpq-dev": "libpq",
    "librdkafka-dev": "librdkafka",
    "libxslt-dev": "libxslt",
}


def runtime_of(manager: str, name: str) -> str | None:
    """The library that what was built with *name* needs: empty for none, None where it is not known."""
    return _OF_ALPINE.get(name, _RUNTIME.get(name)) if manager == "apk" else _RUNTIME.get(name)


def is_tool(name: str) -> bool:
    """Whether a package of a distribution is there to build with."""
    return _NAMES.fullmatch(name) is not None and _NOT.fullmatch(name) is None


def tools_of(install: Install) -> list[PackageArgument]:
    """What of an install is there to build with, and stays: not uninstalled by the same RUN."""
    if not install.is_system or install.action not in {"install", "upgrade"}:
        return []
    gone = install.run.purged
    return [package for package in install.packages if is_tool(package.name) and package.name not in gone]


def shipped_tools(stage: StageFacts) -> Iterator[tuple[Install, list[PackageArgument]]]:
    """What of a stage's image is there to build with, install by install."""
    for install in stage.all_installs:
        tools = tools_of(install)
        if tools:
            yield install, tools
