"""Commits of git repositories, fetched without hooks, prompts or transports that run programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import without_userinfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.project.locks.model import GitSource

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SCHEME: Final = re.compile(r"(https?|ssh|git|file)://[^\s-]")
_SCP_LIKE: Final = re.compile(r"[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:(?!:)\S+")
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "advice.detachedHead=false",
    "gc.auto=0",
    "init.defaultBranch=main",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.http.allow=always",
    "protocol.ssh.allow=always",
    "protocol.git.allow=always",
)
_HOW_TO_REACH: Final = (
    "GIT_SSL_",
    "GIT_SSH",
    "GIT_PROXY_",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY",
    "GIT_CONFIG_VALUE",
)
_TIMEOUT_S: Final = 1800
_AUTHENTICATION: Final = re.compile(
    r"authentication failed|could not read (?:username|password)|permission denied|terminal prompts disabled",
    re.IGNORECASE,
)


def check_git_source(source: GitSource) -> None:
    """Refuse what is no plain address of a repository, or no full commit.

    Raises:
        InputError: The address would run a program (``ext::``), or the commit is a branch or cut short.

    """
    if not (_SCHEME.match(source.url) or _SCP_LIKE.fullmatch(source.url)) or "::" in source.url:
        raise InputError(
            "the lock names a git repository by an address that wherry does not open",
            where=without_userinfo(source.url),
            mend="use https://, ssh:// or git@HOST:PATH",
        )
    if not _COMMIT.fullmatch(source.commit):
        raise InputError(
            f"the lock pins a git source to {source.commit!r}, which is no full commit hash",
            where=without_userinfo(source.url),
            mend="lock the project again, so that it pins the commit",
        )


def check_out(source: GitSource, into: Path, *, redact: Callable[[str], str], history: bool = False) -> None:
    """Put the files of one commit into the empty directory *into*, with their ``.git``.

    Args:
        source: Repository and commit; `check_git_source` has passed.
        into: An existing empty directory.
        redact: Takes credentials out of messages.
        history: Whether tags and history are needed, as by tools that count commits for a version.

    Raises:
        InputError: The repository does not have the commit.
        WorldError: git is missing, or the repository cannot be reached.

    """
    git = _Git(into, source.url, redact)
    git.run("init", "--quiet", "--template=")
    git.run("config", "remote.origin.url", source.url)
    if history or not git.tries("fetch", "--quiet", "--depth=1", "--no-tags", "origin", source.commit):
        git.run("fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
    if not git.tries("cat-file", "-e", f"{source.commit}^{{commit}}") and not git.tries(
        "fetch", "--quiet", "--no-tags", "origin", source.commit
    ):
        raise InputError(
            f"the repository has no commit {source.commit[:12]}",
            where=redact(source.url),
            mend="lock the project again; the branch may have been rewritten",
        )
    git.run("checkout", "--quiet", "--detach", source.commit)
    if git.run("rev-parse", "HEAD").strip() != source.commit:
        raise WorldError("git checked out another commit than the lock pins", where=redact(source.url))
    if (into / ".gitmodules").is_file() and not git.tries(
        "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"
    ):
        git.run("submodule", "--quiet", "update", "--init", "--recursive")


class _Git:
    """git in one directory, with settings that no repository and no user file overrides."""

    def __init__(self, directory: Path, url: str, redact: Callable[[str], str]) -> None:
        self._directory = directory
        self._url = url
        self._redact = redact

    def run(self, *arguments: str) -> str:
        done = self._start(arguments)
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
        said = self._redact(done.stderr.decode("utf-8", "replace"))
        telling = [line for line in said.splitlines() if line.startswith(("fatal:", "error:", "remote:"))]
        reason = (telling or said.splitlines() or [f"exit code {done.returncode}"])[0]
        mend = "check the network and the address"
        if _AUTHENTICATION.search(said):
            mend = "give git credentials for that host: a credential helper, ~/.netrc or an ssh key"
        raise WorldError(f"git could not {arguments[0]}: {reason}", where=self._redact(self._url), mend=mend)

    def tries(self, *arguments: str) -> bool:
        return self._start(arguments).returncode == 0

    def _start(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        settings = list(_SETTINGS)
        if self._url.startswith("file://") and arguments[0] == "fetch":
            settings.append("protocol.file.allow=always")  # never for submodules: CVE-2022-39253
        options = [part for setting in settings for part in ("-c", setting)]
        try:
            return subprocess.run(  # noqa: S603 - git, with a judged address and a hexadecimal commit
                [find_git(), *options, *arguments],
                cwd=self._directory,
                env=git_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise WorldError(
                f"git did not {arguments[0]} within {_TIMEOUT_S} s",
                where=self._redact(self._url),
                mend="try again",
            ) from error


def find_git() -> str:
    """The git program.

    Raises:
        WorldError: There is none.

    """
    found = shutil.which("git")
    if found is None:
        raise WorldError(
            "the program git is not installed, and a source is in a git repository", mend="install git"
        )
    return found


def git_environment() -> dict[str, str]:
    """The user's own settings (they may hold how a host is reached), but no repository's, and no prompts."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in {"GIT_SSL_CAINFO", "GIT_SSH"}
    }
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


def subdirectory(root: Path, source: GitSource) -> Path:
    """The directory of the commit that is built.

    Raises:
        InputError: It is not there, or leads outside.

    """
    found = Path(os.path.realpath(root / source.subdirectory))
    if not found.is_dir() or not found.is_relative_to(os.path.realpath(root)):
        raise InputError(
            f"the commit has no directory {source.subdirectory!r}",
            where=without_userinfo(source.url),
            mend="lock the project again",
        )
    return found
