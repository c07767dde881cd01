"""What stays out of an image unless the project asks for it, and how it must ask.

===================================  ====================================  ==============================
kind                                 examples                              how ``include`` brings it back
===================================  ====================================  ==============================
repository, environment, cache       ``.git``, a venv, ``__pycache__``     never
an image that wherry wrote           a directory with ``oci-layout``       never
secrets (still scanned)              ``.env``, ``*.pem``, ``id_rsa``       the file's exact path
weights                              ``*.safetensors``, a GGUF file        a pattern that names it
notebooks, data, tests, documents    ``*.ipynb``, ``data/``, ``tests/``    a pattern that names it
build files, ``.dockerignore``       ``Dockerfile``, lock files            a pattern that names it
``exclude``                                                                never
===================================  ====================================  ==============================

A pattern names a file or directory when it matches that very path (not one above it) and its last part is
more than wildcards: ``models/tiny.onnx``, ``models/*.onnx`` and ``data`` do; ``.``, ``**`` and ``src/*`` do
not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

_MIB: Final = 1024 * 1024
_SNIFF_FROM_BYTES: Final = _MIB
_SNIFF_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class Rule:
    """Why something stays out, and what brings it back: nothing, its exact path, a pattern naming it."""

    reason: str
    comes_back: Literal["never", "exact", "named"]


REPOSITORY: Final = Rule("version control", "never")
ENVIRONMENT: Final = Rule("virtual environment", "never")
CACHE: Final = Rule("caches and bytecode", "never")
OWN_IMAGE: Final = Rule("an image that wherry wrote", "never")
SPECIAL: Final = Rule("not a regular file", "never")
EXCLUDED: Final = Rule("exclude in pyproject.toml", "never")
NOT_INCLUDED: Final = Rule("not in include", "never")
BROKEN_LINK: Final = Rule("link to nothing in the image", "never")
SECRET: Final = Rule("secrets by their names", "exact")
WEIGHTS: Final = Rule("model weights", "named")
NOTEBOOK: Final = Rule("notebooks", "named")
DATA: Final = Rule("data", "named")
TESTS: Final = Rule("tests", "named")
DOCUMENTS: Final = Rule("documentation", "named")
BUILD_FILES: Final = Rule("files for building, not for running", "named")
IGNORED: Final = Rule(".dockerignore", "named")

_DIRECTORIES: Final = {
    **dict.fromkeys((".git", ".hg", ".svn", ".bzr", ".jj", "_darcs"), REPOSITORY),
    **dict.fromkeys((".venv", ".pixi", ".conda", "__pypackages__", ".tox", ".nox"), ENVIRONMENT),
    **dict.fromkeys(
        (
            *(
                "__pycache__",
                ".mypy_cache",
                ".ruff_cache",
                ".pytest_cache",
                ".hypothesis",
                ".ipynb_checkpoints",
            ),
            *(
                ".cache",
                ".uv",
                ".eggs",
                ".pytype",
                ".pyre",
                ".import_linter_cache",
                ".dvc",
                ".direnv",
                "htmlcov",
            ),
            *(".idea", ".vscode", ".terraform", ".gradio"),
        ),
        CACHE,
    ),
    **dict.fromkeys((".ssh", ".aws", ".gnupg", ".kube", ".docker", ".azure", ".gcloud", ".secrets"), SECRET),
    **dict.fromkeys(("node_modules", ".github", ".gitlab", ".circleci", ".devcontainer"), BUILD_FILES),
    **dict.fromkeys(("mlruns", "lightning_logs", "tb_logs"), DATA),
}

# Only at the top, and only where no Python lies directly inside: deeper, or with code, they are packages.
_TOP_DIRECTORIES: Final = {
    **dict.fromkeys(("data", "dataset", "datasets", "wandb", "checkpoints", "outputs", "runs"), DATA),
    **dict.fromkeys(("dist", "build"), BUILD_FILES),
    **dict.fromkeys(("docs", "doc", "site"), DOCUMENTS),
}
_TOP_TESTS: Final = frozenset({"tests", "test"})

_FILES: Final = {
    **dict.fromkeys((".ds_store", "thumbs.db", ".coverage", "coverage.xml"), CACHE),
    **dict.fromkeys(
        (
            *(".netrc", "_netrc", ".pypirc", "pip.conf", "pip.ini", ".npmrc", ".yarnrc", ".git-credentials"),
            *(
                ".htpasswd",
                ".pgpass",
                ".my.cnf",
                ".s3cfg",
                ".boto",
                ".vault-token",
                ".dockercfg",
                ".kaggle.json",
            ),
            *("credentials", "credentials.json", "credentials.yaml", "credentials.yml", "credentials.toml"),
            *("secrets.json", "secrets.yaml", "secrets.yml", "secrets.toml", "secrets.ini", "kaggle.json"),
            *("kubeconfig", "application_default_credentials.json", ".dockerconfigjson", "terraform.tfstate"),
        ),
        SECRET,
    ),
    **dict.fromkeys(
        (
            *("dockerfile", "containerfile", ".dockerignore", ".gitignore", ".gitattributes", ".gitmodules"),
            *(".editorconfig", ".pre-commit-config.yaml", ".gitlab-ci.yml", ".git", "makefile", "justfile"),
            *("tox.ini", "noxfile.py", ".python-version", ".tool-versions", "codecov.yml", ".coveragerc"),
            *(
                "uv.lock",
                "poetry.lock",
                "pdm.lock",
                "pipfile.lock",
                "wherry.lock",
                "pixi.lock",
                "conda-lock.yml",
            ),
        ),
        BUILD_FILES,
    ),
}

# By suffix: the rule, and from what size on it holds.
_SUFFIXES: Final = {
    **dict.fromkeys((".pyc", ".pyo"), (CACHE, 0)),
    **dict.fromkeys(
        (
            ".pem",
            ".key",
            ".p12",
            ".pfx",
            ".jks",
            ".keystore",
            ".ppk",
            ".kdbx",
            ".ovpn",
            ".tfvars",
            ".kubeconfig",
        ),
        (SECRET, 0),
    ),
    **dict.fromkeys(
        (
            *(".safetensors", ".pt", ".pth", ".ckpt", ".gguf", ".ggml", ".onnx", ".h5", ".hdf5", ".keras"),
            *(".tflite", ".engine", ".mlmodel", ".pdparams", ".caffemodel", ".nemo", ".mar", ".trt"),
        ),
        (WEIGHTS, 0),
    ),
    **dict.fromkeys(
        (".bin", ".pb", ".pkl", ".pickle", ".joblib", ".msgpack", ".cbm", ".ubj"), (WEIGHTS, _MIB)
    ),
    ".ipynb": (NOTEBOOK, 0),
    **dict.fromkeys(
        (".parquet", ".arrow", ".feather", ".tfrecord", ".tfrecords", ".npy", ".npz", ".avro", ".orc"),
        (DATA, _MIB),
    ),
    **dict.fromkeys(
        (".csv", ".tsv", ".jsonl", ".ndjson", ".zip", ".tar", ".tgz", ".gz", ".zst", ".7z"), (DATA, _MIB)
    ),
    **dict.fromkeys((".wav", ".flac", ".mp4", ".avi", ".mov", ".mkv"), (DATA, 10 * _MIB)),
}

_SECRET_NAME: Final = re.compile(
    r"\.env(?:\..*|rc)?|.*\.env|id_(?:rsa|dsa|ecdsa|ed25519)(?:[._-].*)?(?<!\.pub)"
    r"|client_secrets?.*\.json|service[-_]account.*\.json|.*[-_.]service[-_]account\.json|.*\.tfstate\.backup"
)
_BUILD_NAME: Final = re.compile(
    r"(?:dockerfile|containerfile)[._-].*|.*\.(?:dockerfile|dockerignore)|(?:docker-)?compose(?:\..*)?\.ya?ml"
    r"|pylock(?:\..+)?\.toml|conftest\.py"
)
_SAFETENSORS: Final = re.compile(rb".{5}\0\0\0\{\s*\"", re.DOTALL)
_WEIGHT_MAGIC: Final = (b"GGUF", b"ggjt", b"\x89HDF\r\n\x1a\n", b"ggml")
_IMAGE_ARCHIVE: Final = re.compile(rb"(?:\./)?(?:blobs/|oci-layout\0|index\.json\0|manifest\.json\0)")


def directory_rule(path: str, name: str, *, is_top: bool) -> Rule | None:
    """The rule that keeps a directory out by its name.

    Args:
        path: Where it lies on this disk.
        name: Its last part.
        is_top: Whether it lies directly in the project's root.

    """
    found = _DIRECTORIES.get(name)
    if found:
        return found
    if name.endswith((".egg-info", ".dist-info")):
        return BUILD_FILES
    if is_top and name in _TOP_TESTS:
        return TESTS
    if is_top and name in _TOP_DIRECTORIES and not any(Path(path).glob("*.py")):
        return _TOP_DIRECTORIES[name]
    return None


def contents_rule(names: Collection[str]) -> Rule | None:
    """The rule that keeps a directory out by the names in it, whatever it is called itself."""
    if "pyvenv.cfg" in names or "conda-meta" in names:
        return ENVIRONMENT
    return OWN_IMAGE if "oci-layout" in names else None


def file_rule(name: str, size_bytes: int) -> Rule | None:
    """The rule that keeps a file out by its name and size."""
    lower = name.lower()
    found = _FILES.get(lower)
    if found:
        return found
    dot = lower.rfind(".")
    rule, from_bytes = _SUFFIXES.get(lower[dot:] if dot > 0 else "", (None, 0))
    if rule and size_bytes >= from_bytes:
        return rule
    if _SECRET_NAME.fullmatch(lower):
        return SECRET
    return BUILD_FILES if _BUILD_NAME.fullmatch(lower) else None


def content_rule(path: str, name: str, size_bytes: int) -> Rule | None:
    """The rule that keeps a regular file out by its first bytes: misnamed weights, image archives."""
    if size_bytes < _SNIFF_FROM_BYTES and not name.endswith(".tar"):
        return None
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(_SNIFF_BYTES)
    except OSError:
        return None  # reading it for the layer will say so
    if head.startswith(_WEIGHT_MAGIC) or _SAFETENSORS.match(head):
        return WEIGHTS
    return OWN_IMAGE if _IMAGE_ARCHIVE.match(head) else None
