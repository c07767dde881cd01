"""What the other commands of a RUN do: remove, change owners, unpack, log in, compile, pipe into a shell.

Each is one value with its `call`; `RunFacts` has them by kind (`run.removals`, `run.ownerships`...).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.calls import Grammar, parse_options
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts.calls import Call, Value

_RM: Final = Grammar.of("", "-r/--recursive -R/--recursive -f/--force")
_CHOWN: Final = Grammar.of("--reference --from", "-R/--recursive")
_LOGIN: Final = Grammar.of(
    "--token -p/--password -u/--username --api-key --access-token --key --key-file --host --profile"
    " --registry --service-principal --tenant -c/--config",
    "--password-stdin --with-token --relogin -q/--quiet",
)
SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_INTERPRETERS: Final = SHELLS | {"python", "python3", "perl", "ruby", "node", "tclsh"}
_ARCHIVES: Final = (
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tar.xz",
    ".txz",
    ".tar.zst",
    ".zip",
    ".7z",
    ".whl",
    ".gz",
)
_COMPILERS: Final = {
    "nvcc": "nvcc",
    "make": "make",
    "gmake": "make",
    "ninja": "ninja",
    "cmake": "cmake",
    "meson": "meson",
    "bazel": "bazel",
    "gcc": "cc",
    "g++": "cc",
    "cc": "cc",
    "c++": "cc",
    "clang": "cc",
    "clang++": "cc",
    "cargo": "cargo",
    "maturin": "cargo",
    "go": "go",
}
_SETUP_STEPS: Final = frozenset({"build", "build_ext", "bdist_wheel", "install", "develop", "build_clib"})
_CHECKSUMS: Final = regex(r"(?:sha\d{1,3}|md5|b2|sha)sum|shasum")


class Removal(Frozen):
    """``rm``, ``rmdir``, ``unlink``, ``find ... -delete``: paths are absolute where known, globs kept."""

    call: Call
    paths: tuple[str, ...]
    is_recursive: bool

    def covers(self, path: str) -> bool:
        """It removes *path*, absolute: itself, a directory above, or all that lies in it (``path/*``)."""
        for target in self.paths:
            bare = target.rstrip("/")
            bare = bare.removesuffix("/*")
            if self.is_recursive and (path == bare or path.startswith(f"{bare}/")):
                return True
            if path == target:
                return True
        return False


class Ownership(Frozen):
    """``chown``, ``chgrp`` or ``chmod``.

    Attributes:
        kind: Which of them.
        what: The owner or mode: ``app:app``, ``755``, ``+x``.
        paths: What it is done to, absolute where known, globs kept.
        is_recursive: ``-R``.

    """

    call: Call
    kind: str
    what: str
    paths: tuple[str, ...]
    is_recursive: bool


class Extraction(Frozen):
    """``tar x``, ``unzip``: the archive is absolute where known, empty when it comes through a pipe."""

    call: Call
    archive: str


class Pipe(Frozen):
    """``curl ... | sh``, ``bash <(curl ...)``, ``sh -c "$(curl ...)"``: what is downloaded is run unseen."""

    call: Call  # the shell or interpreter
    source: Call  # what downloads
    url: str  # empty where not known


class Login(Frozen):
    """A command that gives a service its credentials.

    Attributes:
        service: ``huggingface``, ``wandb``, ``docker``, ``aws``, ``gcloud``, ``azure``, ``npm``, ``pip``,
            ``poetry``, ``github``, ``git``, ``conda``, ``ngc``, ``kaggle``, ``dvc``...
        secret: The argument that is the secret; None where it comes on stdin or from a file.

    """

    call: Call
    service: str
    secret: Value | None


class Compile(Frozen):
    """A step that compiles: ``nvcc``, ``make``, ``cmake``, ``ninja``, ``cc``, ``cargo``, ``setup.py``..."""

    call: Call
    kind: str


def read_removal(call: Call) -> Removal | None:
    """What *call* removes."""
    if call.program in {"rm", "rmdir", "unlink"}:
        parsed = parse_options(call.arguments, _RM)
        paths = tuple(call.path(value.text) for value in parsed.operands)
        return Removal(call, paths, "--recursive" in parsed.options)
    if call.program == "find" and call.arguments:
        words = call.texts
        if "-delete" in words or ("-exec" in words and "rm" in words):
            paths = tuple(call.path(word) for word in _until_dash(words))
            return Removal(call, paths, is_recursive="-name" not in words)
    return None


def _until_dash(words: Sequence[str]) -> list[str]:
    found = []
    for word in words:
        if word.startswith(("-", "(", "!")):
            break
        found.append(word)
    return found


def read_ownership(call: Call) -> Ownership | None:
    """Whose or how *call* makes files."""
    if call.program not in {"chown", "chgrp", "chmod"}:
        return None
    # a mode may look like options: chmod -x file, chmod u-w
    parsed = parse_options([value for value in call.arguments if not _is_mode(value.text)], _CHOWN)
    modes = [value.text for value in call.arguments if _is_mode(value.text)]
    operands = [value.text for value in parsed.operands]
    what = (
        modes[0] if modes else "" if "--reference" in parsed.options else operands.pop(0) if operands else ""
    )
    return Ownership(
        call, call.program, what, tuple(map(call.path, operands)), "--recursive" in parsed.options
    )


def _is_mode(text: str) -> bool:
    return re.fullmatch(r"-[rwxXst]+", text) is not None


def read_extraction(call: Call) -> Extraction | None:
    """Which archive *call* unpacks."""
    words = call.texts
    if call.program in {"unzip", "gunzip", "7z", "7za", "bsdtar", "tar"} and words:
        is_tar = call.program.endswith("tar")
        if is_tar and not (words[0].lstrip("-").startswith(("x", "zx", "jx")) or _extracts(words)):
            return None
        archive = next((word for word in words if word.lower().endswith(_ARCHIVES)), "")
        return Extraction(call, call.path(archive) if archive else "")
    return None


def _extracts(words: Sequence[str]) -> bool:
    return any(
        word in {"--extract", "--get"} or re.fullmatch(r"-[a-zA-Z]*x[a-zA-Z]*", word) for word in words
    )


def read_pipes(calls: Sequence[Call]) -> list[Pipe]:
    """Downloads that are run as they come: what a pipe leads to a shell, or a shell gets by substitution."""
    found: list[Pipe] = []
    source: Call | None = None  # of the pipe that goes on, or of a substitution just read
    for call in calls:
        if call.program in {"curl", "wget"}:
            source = call
            continue
        if source is None:
            continue
        is_piped = call.command.before in {"|", "|&"}
        if call.program in _INTERPRETERS and (is_piped and not _has_script(call)):
            found.append(Pipe(call, source, _url(source)))
        if not is_piped:
            source = None
    return [*found, *_substituted(calls)]


def _substituted(calls: Sequence[Call]) -> list[Pipe]:
    """``bash <(curl url)``, ``sh -c "$(curl url)"``: the inner command's bytes lie within the outer's."""
    inner = {
        call.command.span: call for call in calls if call.program in {"curl", "wget"} and call.command.nesting
    }
    shells = [
        call
        for call in calls
        if call.program in _INTERPRETERS or call.program in {"eval", "source", "."} or _is_output(call)
    ]
    return [
        Pipe(shell, call, _url(call))
        for call in inner.values()
        for shell in shells
        if shell.command.span.start
        < call.command.span.start
        <= call.command.span.end
        <= shell.command.span.end
    ]


def _is_output(call: Call) -> bool:
    """What ``sh -c`` runs is what another command prints: ``sh -c "$(curl url)"``."""
    return bool(call.command.wrapped_by) and call.command.name.startswith(("$(", "`"))


def _has_script(call: Call) -> bool:
    """A shell with a script of its own reads the pipe as input; ``-`` and ``-s`` read it as the script."""
    words = [word for word in call.texts if not word.startswith("-") or word == "-c"]
    return bool(words) and "-s" not in call.texts and "-" not in call.texts and "--" not in call.texts


def _url(call: Call) -> str:
    return next((value.text for value in call.arguments if "://" in value.text), "")


def read_login(call: Call) -> Login | None:
    """Which service *call* logs in to, and with what."""
    parsed = parse_options(call.arguments, _LOGIN)
    words = [value.text for value in parsed.operands]
    for beginning, service, option, operand in _LOGINS.get(call.program, ()):
        if words[: len(beginning)] != list(beginning):
            continue
        secret = parsed.options[option][-1].value if option in parsed.options else None
        rest = parsed.operands[len(beginning) :]
        if secret is None and operand is not None and len(rest) > operand:
            secret = rest[operand]
        return Login(call, service, secret)
    return _setting(call, words, parsed.operands)


_LOGINS: Final[dict[str, tuple[tuple[tuple[str, ...], str, str, int | None], ...]]] = {
    # the first words, the service, the option that holds the secret, else which of the other words does
    "huggingface-cli": ((("login",), "huggingface", "--token", None),),
    "hf": ((("auth", "login"), "huggingface", "--token", None), (("login",), "huggingface", "--token", None)),
    "wandb": ((("login",), "wandb", "--api-key", 0),),
    "docker": ((("login",), "docker", "--password", None),),
    "podman": ((("login",), "docker", "--password", None),),
    "oras": ((("login",), "docker", "--password", None),),
    "helm": ((("registry", "login"), "docker", "--password", None),),
    "gcloud": ((("auth", "activate-service-account"), "gcloud", "--key", None),),
    "az": ((("login",), "azure", "--password", None),),
    "gh": ((("auth", "login"), "github", "--token", None),),
    "glab": ((("auth", "login"), "gitlab", "--token", None),),
    "anaconda": ((("login",), "conda", "--password", None),),
    "conda": ((("token", "set"), "conda", "--token", 0),),
    "databricks": ((("configure",), "databricks", "--token", None),),
    "modelscope": ((("login",), "modelscope", "--token", None),),
    "comet": ((("login",), "comet", "--api-key", None),),
    "npm": ((("login",), "npm", "--token", None), (("adduser",), "npm", "--token", None)),
    "snow": ((("connection", "add"), "snowflake", "--password", None),),
}


def _setting(call: Call, words: Sequence[str], operands: Sequence[Value]) -> Login | None:
    """Commands that write a credential into a tool's settings."""
    last = operands[-1] if len(operands) > 1 else None
    joined = " ".join(words)
    for program, beginning, service in _SETTINGS:
        if call.program == program and re.match(beginning, joined):
            return Login(call, service, last)
    return None


_SETTINGS: Final = (
    ("aws", r"configure set \S*(?:secret|session_token|access_key)", "aws"),
    ("npm", r"config set \S*(?:_auth|_password)", "npm"),
    ("pip", r"config set \S+ \S*://[^/@\s]*:[^/@\s]*@", "pip"),
    ("pip3", r"config set \S+ \S*://[^/@\s]*:[^/@\s]*@", "pip"),
    ("poetry", r"config (?:http-basic|pypi-token)\.", "poetry"),
    ("git", r"config \S+\.insteadof\b", "git"),
    ("git", r"config url\.\S*://[^/@\s]+@\S*\.insteadOf", "git"),
    ("dvc", r"remote modify .*(?:password|secret_access_key|access_key_id|token)", "dvc"),
    ("conda", r"config --set \S*token", "conda"),
)


def read_compile(call: Call) -> Compile | None:
    """What *call* compiles with; installs of Python packages are in `run.installs`."""
    kind = _COMPILERS.get(call.program)
    words = call.texts
    if kind is None and call.program.startswith("python") and any(w.endswith("setup.py") for w in words):
        return Compile(call, "setup.py") if _SETUP_STEPS & set(words) else None
    if kind == "go" and words[:1] not in {("build",), ("install",)}:
        return None
    if kind == "cargo" and not {"build", "install", "develop"} & set(words):
        return None
    if kind is None or words in {("--version",), ("-V",), ("-v",)}:
        return None
    return Compile(call, kind)


def is_gpu_query(call: Call) -> bool:
    """The command asks for a GPU, which no build has: nvidia-smi, rocm-smi, deviceQuery."""
    return call.program in {"nvidia-smi", "rocm-smi", "rocminfo", "deviceQuery", "nvidia-debugdump"}


def verifies(call: Call) -> bool:
    """The command checks what was downloaded: ``sha256sum -c``, ``gpg --verify``, ``cosign verify``."""
    words = call.texts
    if _CHECKSUMS.fullmatch(call.program):
        return any(re.fullmatch(r"--check|-[a-z]*c[a-z]*", word) for word in words)
    if call.program in {"gpg", "gpg2", "gpgv"}:
        return call.program == "gpgv" or "--verify" in words
    return call.program in {"cosign", "minisign", "openssl"} and bool({"verify", "-V", "dgst"} & set(words))
