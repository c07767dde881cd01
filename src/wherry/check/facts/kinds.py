"""What of a build context is what: secrets, weights, notebooks, datasets, experiments, caches, tests.

Gives ``Kinds``, reached as ``context.kinds``. Only what would be sent is listed, sorted by path. A directory
that is one thing (a virtual environment, ``mlruns``) is one ``Found`` with its bytes and files.

    kinds.secrets       Found.what says of which kind: "environment file", "private key", ...
                        Names decide; *.pem, *.json, .npmrc, pip.conf and .git/config are also read, and only
                        listed when a credential stands in them. A certificate or an .env.example is none.
    kinds.weights       Weights: format ("safetensors", "gguf", "pickle", "torch zip", "onnx", "hdf5",
                        "tflite", "numpy", "keras", "unknown", "pointer"), is_pickle, is_pointer (a Git LFS
                        pointer; pointer_bytes is what it stands for). From suffixes and first bytes.
    kinds.notebooks     *.ipynb; ``has_outputs(found)`` looks inside, up to 4 MB
    kinds.datasets      .csv .parquet .tar .zip ... of more than 10 MB, and data/ datasets/ without code
    kinds.experiments   mlruns, wandb, lightning_logs, runs, outputs, checkpoints
    kinds.caches        __pycache__, .pytest_cache, node_modules, .venv and all with pyvenv.cfg, ...
    kinds.repository    .git, .hg, .svn
    kinds.tests         tests/ and test/

What lies in a cache, a virtual environment or ``.git`` is not listed again; what lies in ``data`` or
``mlruns`` is, when it is a secret, weights or a notebook.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wherry.check.facts.context_walk import Kind
from wherry.check.facts.texts import read_bounded
from wherry.check.facts.weight_files import Weights, is_candidate, look_into

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wherry.check.facts.context import Context
    from wherry.check.facts.context_walk import Entry

_MB: Final = 1_000_000
_DATASET_FROM_BYTES: Final = 10 * _MB
_NOTEBOOK_BYTES: Final = 4 * _MB
_SECRET_BYTES: Final = 64 * 1024
_MOST_LOOKS: Final = 300  # files of which the first bytes are read

_CACHES: Final = {
    "__pycache__": "Python bytecode",
    ".pytest_cache": "pytest's cache",
    ".mypy_cache": "mypy's cache",
    ".ruff_cache": "ruff's cache",
    ".hypothesis": "hypothesis' examples",
    ".tox": "tox environments",
    ".nox": "nox environments",
    ".venv": "virtual environment",
    ".conda": "conda environment",
    ".pixi": "pixi environment",
    "node_modules": "Node packages",
    ".ipynb_checkpoints": "notebook checkpoints",
    ".cache": "cache",
    ".dvc": "DVC's cache",
    ".terraform": "Terraform's providers",
    ".eggs": "build requirements",
    "__pypackages__": "Python packages",
}
_REPOSITORIES: Final = {".git": "Git history", ".hg": "Mercurial history", ".svn": "Subversion history"}
_EXPERIMENTS: Final = {
    "mlruns": "MLflow runs",
    "mlartifacts": "MLflow artifacts",
    "wandb": "W&B runs",
    "lightning_logs": "Lightning logs",
    "tb_logs": "TensorBoard logs",
}
_EXPERIMENTS_WITHOUT_CODE: Final = {
    "runs": "training runs",
    "outputs": "training outputs",
    "checkpoints": "training checkpoints",
    "multirun": "Hydra runs",
}
_DATA_WITHOUT_CODE: Final = {"data": "data", "dataset": "data", "datasets": "data"}
_TESTS: Final = {"tests": "tests", "test": "tests"}
_DATASETS: Final = re.compile(
    r".*\.(?:csv|tsv|parquet|arrow|feather|jsonl|ndjson|tfrecords?|npy|avro|orc|lmdb|mdb|tar|tgz|tar\.\w+|zip|7z|zst"
    r"|gz|bz2|xz|rar|h5ad|mat|sqlite3?|db|wav|flac|mp4|avi|mov|mkv)"
)
_SECRETS: Final = {
    **dict.fromkeys((".env", ".envrc"), "environment file"),
    **dict.fromkeys((".netrc", "_netrc", ".git-credentials", ".pgpass", ".my.cnf"), "stored logins"),
    **dict.fromkeys(
        (".pypirc", ".s3cfg", ".boto", ".htpasswd", ".vault-token", ".dockercfg"), "stored logins"
    ),
    **dict.fromkeys(("kaggle.json", ".kaggle.json"), "Kaggle key"),
    **dict.fromkeys(("terraform.tfstate", "terraform.tfstate.backup"), "Terraform state"),
    **dict.fromkeys(("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"), "private key"),
    **dict.fromkeys(("kubeconfig", "application_default_credentials.json"), "cloud credentials"),
    **dict.fromkeys(("secrets.toml", "secrets.yaml", "secrets.yml", "secrets.json"), "secrets file"),
}
_SECRET_PATHS: Final = {
    ".aws/credentials": "cloud credentials",
    ".kube/config": "cloud credentials",
    ".docker/config.json": "registry logins",
    ".huggingface/token": "Hugging Face token",
    "huggingface/token": "Hugging Face token",
    ".config/gcloud/credentials.db": "cloud credentials",
}
_EXAMPLE: Final = re.compile(r"(?i).*(?:example|sample|template|dist|default|test|ci)")
_ENVIRONMENT: Final = re.compile(r"(?:\.env\.(?P<kind>[\w.-]+)|[\w-]+\.env)")

# Names that prove nothing: such a file is a secret when this stands in it.
_LOOKED_INTO: Final = (
    (re.compile(r".*\.(?:pem|key|ppk)"), re.compile(rb"PRIVATE KEY|PuTTY-User-Key-File"), "private key"),
    (re.compile(r".*\.(?:p12|pfx|jks|keystore|kdbx)"), re.compile(rb""), "key store"),
    (
        re.compile(r".*(?:service[-_]?account|credentials?|client[-_]secrets?|gcp|key).*\.json"),
        re.compile(rb'"private_key"|"client_secret"|"refresh_token"|"aws_secret_access_key"'),
        "cloud credentials",
    ),
    (
        re.compile(r"\.npmrc|\.yarnrc(?:\.yml)?"),
        re.compile(rb"(?i)_auth(?:token)?\s*=\s*[^$\s]"),
        "registry token",
    ),
    (re.compile(r"pip\.(?:conf|ini)|config"), re.compile(rb"://[^/\s:@$]*:[^/\s@$]+@"), "password in a URL"),
    (
        re.compile(r".*\.tfvars"),
        re.compile(rb"(?i)(?:secret|password|token)\w*\s*="),
        "Terraform variables",
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One file, or one directory with all below it."""

    path: str
    size_bytes: int
    what: str
    files: int = 1
    is_directory: bool = False


@dataclass(slots=True)
class Kinds:
    """What is sent, by what it is; the module says what stands where."""

    root: Path
    secrets: list[Found] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)
    notebooks: list[Found] = field(default_factory=list)
    datasets: list[Found] = field(default_factory=list)
    experiments: list[Found] = field(default_factory=list)
    caches: list[Found] = field(default_factory=list)
    repository: list[Found] = field(default_factory=list)
    tests: list[Found] = field(default_factory=list)

    def has_outputs(self, notebook: Found) -> bool:
        """Whether results are stored inside a notebook, as far as its first 4 MB tell."""
        content = _head(self.root / notebook.path, _NOTEBOOK_BYTES)
        return re.search(rb'"outputs"\s*:\s*\[\s*[^\]\s]', content) is not None


def sort_out(context: Context) -> Kinds:
    """One pass over what is sent; heads of a bounded number of files are read."""
    kinds = Kinds(context.root)
    looks = _MOST_LOOKS
    closed = ""  # the directory that is one thing, and whose contents are not listed again
    environments = {
        entry.path.rpartition("/")[0] for entry in context.entries if entry.path.endswith("/pyvenv.cfg")
    }
    for entry in _above_first(context.entries):
        if closed and entry.path.startswith(closed):
            if entry.path == f"{closed}config" and closed.endswith(".git/"):
                _take_secret(entry, kinds)
            continue
        closed = ""
        if entry.kind is Kind.DIRECTORY:
            if _take_directory(entry, context, kinds, is_environment=entry.path in environments):
                closed = f"{entry.path}/"
        elif entry.kind is Kind.FILE:
            looks -= _take_file(entry, kinds, may_look=looks > 0)
    return kinds


def _above_first(entries: list[Entry]) -> Iterable[Entry]:
    """Entries so that all below a directory follow it at once: ``a``, ``a/b``, ``a-b``."""
    return sorted(entries, key=lambda entry: entry.path.replace("/", "\0"))


def _take_directory(entry: Entry, context: Context, kinds: Kinds, *, is_environment: bool) -> bool:
    """List a directory that is one thing. Returns whether what is below it is not to be listed again."""
    name = entry.name.lower()
    if is_environment or name in _CACHES:
        what = "virtual environment" if is_environment else _CACHES[name]
        kinds.caches.append(_whole(entry, context, what))
        return True
    if name in _REPOSITORIES:
        kinds.repository.append(_whole(entry, context, _REPOSITORIES[name]))
        return True
    if name in _EXPERIMENTS:
        kinds.experiments.append(_whole(entry, context, _EXPERIMENTS[name]))
    elif name in _EXPERIMENTS_WITHOUT_CODE and not _has_code(entry, context):
        kinds.experiments.append(_whole(entry, context, _EXPERIMENTS_WITHOUT_CODE[name]))
    elif name in _DATA_WITHOUT_CODE and not _has_code(entry, context) and not _is_in_data(entry, kinds):
        kinds.datasets.append(_whole(entry, context, _DATA_WITHOUT_CODE[name]))
    elif name in _TESTS:
        kinds.tests.append(_whole(entry, context, _TESTS[name]))
    return False


def _whole(entry: Entry, context: Context, what: str) -> Found:
    below = context.below(entry.path)
    files = sum(one.kind is Kind.FILE for one in below)
    return Found(entry.path, sum(one.size_bytes for one in below), what, files, is_directory=True)


def _is_in_data(entry: Entry, kinds: Kinds) -> bool:
    """Whether a listed directory already counts it; what is below one follows it at once."""
    last = kinds.datasets[-1] if kinds.datasets else None
    return last is not None and last.is_directory and entry.path.startswith(f"{last.path}/")


def _has_code(entry: Entry, context: Context) -> bool:
    """Whether Python lies directly inside: then it is a package, whatever its name."""
    depth = entry.path.count("/") + 1
    return any(one.path.endswith(".py") and one.path.count("/") == depth for one in context.below(entry.path))


def _take_file(entry: Entry, kinds: Kinds, *, may_look: bool) -> bool:
    """List a file by what it is. Returns whether its first bytes were read."""
    name = entry.name.lower()
    if name.endswith(".ipynb"):
        kinds.notebooks.append(Found(entry.path, entry.size_bytes, "notebook"))
        return False
    if is_candidate(name, entry.size_bytes):
        head = _head(kinds.root / entry.path, 512) if may_look else b""
        weights = look_into(entry, head)
        if weights:
            kinds.weights.append(weights)
            return True
    if entry.size_bytes > _DATASET_FROM_BYTES and _DATASETS.fullmatch(name):
        if not _is_in_data(entry, kinds):
            kinds.datasets.append(Found(entry.path, entry.size_bytes, "data"))
        return False
    return _take_secret(entry, kinds)


def _take_secret(entry: Entry, kinds: Kinds) -> bool:
    name = entry.name.lower()
    what = _secret_by_name(name, entry.path)
    if what:
        kinds.secrets.append(Found(entry.path, entry.size_bytes, what))
        return False
    for names, proof, kind in _LOOKED_INTO:
        if names.fullmatch(name) and not _EXAMPLE.fullmatch(name):
            if proof.search(_head(kinds.root / entry.path, _SECRET_BYTES)):
                kinds.secrets.append(Found(entry.path, entry.size_bytes, kind))
            return True
    return False


def _secret_by_name(name: str, path: str) -> str:
    if name in _SECRETS:
        return _SECRETS[name]
    last_two = "/".join(path.rsplit("/", 2)[-2:])
    if last_two in _SECRET_PATHS:
        return _SECRET_PATHS[last_two]
    environment = _ENVIRONMENT.fullmatch(name)
    return "environment file" if environment and not _EXAMPLE.fullmatch(name) else ""


def _head(path: Path, limit_bytes: int) -> bytes:
    try:
        return read_bounded(path, limit_bytes)
    except (OSError, ValueError):
        return b""
