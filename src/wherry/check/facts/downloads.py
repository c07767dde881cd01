"""What a command fetches that no package manager looks after: `Download`.

curl, wget, aria2c, git clone and lfs, the clients of Hugging Face, S3, GCS, Azure, Google Drive, Kaggle,
ModelScope, NGC, ollama, dvc, wandb; `python -m spacy download` and its like. Calls inside Python code are in
`python_code`, as `Download` too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from wherry.check.facts.calls import Grammar, Parsed, parse_options
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.check.facts.calls import Call, Value
    from wherry.dockerfile.source import Span

_URL: Final = regex(r"[a-z][a-z0-9+.-]*://|git@", re.IGNORECASE)
_COMMIT: Final = regex(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FETCHER: Final = regex(
    r"(?i)(?:\w+[-_])?(?:download|fetch|get|pull|install)[-_](?:pre[-_]?trained[-_])?"
    r"(?:models?|weights|checkpoints?)(?:[-_]\w+)?(?:\.\w{2,4})?"
)
_FLOATING: Final = regex(r"(?:^|[/_.-])(?:latest|master|main|nightly|HEAD)(?:$|[/_.?-])")
WEIGHT_SUFFIXES: Final = (
    # of those that `weight_files` looks for, what an address alone tells of
    *(".safetensors", ".gguf", ".ggml", ".pt", ".pt2", ".pte", ".pth", ".ckpt", ".onnx", ".h5", ".hdf5"),
    *(".keras", ".pkl", ".tflite", ".engine", ".trt", ".nemo", ".caffemodel", ".weights", ".pdparams"),
    *(".mar", ".joblib", ".npz", ".cbm", ".ubj"),
)
"""Endings of files that hold a model's weights."""

_WEIGHT_KINDS: Final = frozenset(
    {"huggingface", "modelscope", "ollama", "ngc", "torch", "spacy", "nltk", "git-lfs", "weights"}
)


class Download(NamedTuple):
    """One thing that a command fetches.

    Attributes:
        kind: ``http``, ``git``, ``git-lfs``, ``huggingface``, ``s3``, ``gcs``, ``azure``, ``gdrive``,
            ``kaggle``, ``modelscope``, ``ollama``, ``ngc``, ``dvc``, ``wandb``, ``oci``, ``spacy``,
            ``nltk``, ``torch`` (its hub), ``weights`` (other libraries that fetch a model by name),
            ``dataset``, ``ssh`` (scp, rsync).
        source: The URL, repository or model as written, expanded where known; empty where not told.
        is_known: All of the source is known.
        revision: A branch, tag or commit that is asked for; empty when none.
        destination: The file or directory it is written to, absolute where known; empty where not told.
        call: The command.
        span: The bytes that say so: the command, or its piece of Python code.
        in_python: A call in Python code, not the command itself.

    """

    kind: str
    source: str
    call: Call
    span: Span
    is_known: bool = True
    revision: str = ""
    destination: str = ""
    in_python: bool = False

    @property
    def is_weights(self) -> bool:
        """A model: by the tool that fetches it, or by the ending of what is fetched."""
        path = re.split(r"[?#]", self.source)[0].lower()
        hub = "huggingface.co/" in path and "/resolve/" in path
        return self.kind in _WEIGHT_KINDS or path.endswith(WEIGHT_SUFFIXES) or hub

    @property
    def is_pinned(self) -> bool:
        """It names a commit, whole: what is fetched tomorrow is the same."""
        return _COMMIT.fullmatch(self.revision) is not None

    @property
    def is_floating(self) -> bool:
        """It names what moves: ``latest``, ``main``, ``master``; or, of git and a hub, nothing at all."""
        if self.kind in {"git", "git-lfs", "huggingface"}:
            return self.revision in {"", "main", "master", "HEAD"}
        return self.is_known and _FLOATING.search(self.source) is not None


_SHOWN_ANYWAY: Final = frozenset({"--branch", "--revision"})  # a revision in a variable is one

_CURL: Final = Grammar.of(
    "-o/--output -H/--header -u/--user -d/--data -X/--request -x/--proxy -A/--user-agent -b/--cookie"
    " -e/--referer -m/--max-time -C/--continue-at -F/--form -T/--upload-file -w/--write-out -K/--config"
    " --retry --retry-delay --retry-max-time --connect-timeout --cacert --capath -E/--cert --key --proto"
    " --output-dir --resolve --url --data-binary --data-raw --max-redirs --limit-rate -r/--range"
    " -c/--cookie-jar --oauth2-bearer --netrc-file",
    "-k/--insecure -L/--location -O/--remote-name -s/--silent -S/--show-error -f/--fail",
)
_WGET: Final = Grammar.of(
    "-O/--output-document -P/--directory-prefix -o/--output-file -i/--input-file --header -t/--tries"
    " -T/--timeout -U/--user-agent -e/--execute --user --password --post-data --limit-rate --waitretry"
    " -w/--wait -a/--append-output --ca-certificate --http-user --http-password -A/--accept -R/--reject"
    " -l/--level",
    "-q/--quiet -c/--continue -N/--timestamping -r/--recursive",
)
_ARIA: Final = Grammar.of(
    "-o/--out -d/--dir -x/--max-connection-per-server -s/--split -k/--min-split-size "
    " -j/--max-concurrent-downloads -i/--input-file --checksum --header -c/--continue --console-log-level"
    " --file-allocation"
)
_GIT: Final = Grammar.of(
    "-b/--branch --depth -c/--config -C --git-dir --work-tree -o/--origin -j/--jobs --reference --filter"
    " --shallow-since --separate-git-dir --template -u/--upload-pack --revision -I/--include -X/--exclude"
)
_CLIENT: Final = Grammar.of(
    "--revision --local-dir --cache-dir --token --repo-type --include --exclude --max-workers -p/--path"
    " -d/--dataset -f/--file -c/--competition -w/--worktree -o/--output -O/--output-document"
    " --region --endpoint-url --profile --account-name -n/--name --container-name -s/--source --destination"
    " --model --remote -j/--jobs --dest --type --root --id --sas-token --account-key"
    " --format-version --org --team --local-dir-use-symlinks"
)


def read_downloads(call: Call) -> tuple[Download, ...]:
    """What the command itself fetches; several for several URLs."""
    reader = _READERS.get(call.program)
    if reader is not None:
        return reader(call)
    if call.program.startswith(("python", "pypy")):
        return _module(call)
    return _named_for_it(call, call.program)


def _named_for_it(call: Call, name: str) -> tuple[Download, ...]:
    """``totalseg_download_weights``, ``download_models.sh``: a program that says what it is for."""
    return (
        (Download("weights", "", call, call.command.span, is_known=False),)
        if _FETCHER.fullmatch(name)
        else ()
    )


def checked_out(downloads: Sequence[Download], calls: Sequence[Call]) -> tuple[Download, ...]:
    """The downloads of a script, those of git with the revision that a later ``git checkout`` goes to."""
    found = list(downloads)
    clones = [at for at, one in enumerate(found) if one.kind in {"git", "huggingface"} and not one.in_python]
    for at, following in zip(clones, [*clones[1:], None], strict=False):
        start = found[at].span.start
        end = found[following].span.start if following is not None else None
        for call in calls:
            here = call.command.span.start
            if call.program == "git" and here > start and (end is None or here < end):
                revision = _revision(call)
                if revision:
                    found[at] = found[at]._replace(revision=revision)
    return tuple(found)


def _revision(call: Call) -> str:
    """What ``git checkout``, ``reset --hard``, ``switch --detach`` or ``fetch origin`` names."""
    words = [value.text for value in parse_options(call.arguments, _GIT).operands]
    if words[:1] == ["fetch"]:
        return words[2] if len(words) > 2 else ""  # noqa: PLR2004 - fetch, the remote, what of it
    if words[:1] in (["checkout"], ["reset"], ["switch"]) and len(words) > 1:
        return "" if words[1] in {"FETCH_HEAD", "."} else words[1]
    return ""


def _one(
    call: Call, kind: str, source: Value | None, *, revision: str = "", destination: str = ""
) -> tuple[Download, ...]:
    text, is_known = (source.text, source.is_known) if source else ("", False)
    return (Download(kind, text, call, call.command.span, is_known, revision, destination),)


def _text(parsed: Parsed, *names: str) -> str:
    found = next((parsed.options[name][-1].value for name in names if name in parsed.options), None)
    return found.text if found and (found.is_known or names[0] in _SHOWN_ANYWAY) else ""


def _urls(values: Sequence[Value]) -> list[Value]:
    return [value for value in values if not value.is_known or _URL.match(value.text) or "." in value.text]


def _curl(call: Call) -> tuple[Download, ...]:
    parsed = parse_options(call.arguments, _CURL)
    if not {"--data", "--data-raw", "--data-binary", "--form", "--upload-file"}.isdisjoint(parsed.options):
        return ()
    urls = [
        *_urls(parsed.operands),
        *(option.value for option in parsed.options.get("--url", ()) if option.value),
    ]
    output = _text(parsed, "--output")
    return tuple(_http(call, url, output, is_named="--remote-name" in parsed.options) for url in urls)


def _wget(call: Call) -> tuple[Download, ...]:
    parsed = parse_options(call.arguments, _WGET)
    output, folder = _text(parsed, "--output-document"), _text(parsed, "--directory-prefix")
    return tuple(_http(call, url, output, folder, is_named=not output) for url in _urls(parsed.operands))


def _aria(call: Call) -> tuple[Download, ...]:
    parsed = parse_options(call.arguments, _ARIA)
    output, folder = _text(parsed, "--out"), _text(parsed, "--dir")
    return tuple(_http(call, url, output, folder, is_named=not output) for url in _urls(parsed.operands))


def _http(call: Call, url: Value, output: str, folder: str = "", *, is_named: bool) -> Download:
    is_named = is_named and url.is_known
    name = output or (re.split(r"[?#]", url.text)[0].rpartition("/")[2] if is_named else "")
    is_kept = bool(name) and name not in {"-", "/dev/stdout", "/dev/null"}
    destination = call.path(f"{folder}/{name}" if folder else name) if is_kept else ""
    return Download("http", url.text, call, call.command.span, url.is_known, destination=destination)


def _git(call: Call) -> tuple[Download, ...]:
    parsed = parse_options(call.arguments, _GIT)
    words = [value.text for value in parsed.operands]
    if words[:1] == ["lfs"] and words[1:2] in (["pull"], ["clone"], ["fetch"]):
        return _one(call, "git-lfs", parsed.operands[2] if len(parsed.operands) > 2 else None)  # noqa: PLR2004 - behind "lfs pull"
    if words[:1] != ["clone"] or len(words) < 2:  # noqa: PLR2004 - clone and its URL
        return ()
    url = parsed.operands[1]
    place = parsed.operands[2] if len(words) > 2 else url  # noqa: PLR2004 - the directory
    name = place.text if place is not url else url.text.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return _one(
        call,
        "huggingface" if "huggingface.co/" in url.text else "git",
        url,
        revision=_text(parsed, "--branch", "--revision"),
        destination=call.path(name) if place.is_known else "",
    )


def _huggingface(call: Call) -> tuple[Download, ...]:
    parsed = parse_options(call.arguments, _CLIENT)
    if not parsed.operands or parsed.operands[0].text != "download":
        return ()
    is_dataset = _text(parsed, "--repo-type") == "dataset"
    return _one(
        call,
        "dataset" if is_dataset else "huggingface",
        parsed.operands[1] if len(parsed.operands) > 1 else None,
        revision=_text(parsed, "--revision"),
        destination=_text(parsed, "--local-dir", "--cache-dir"),
    )


def _copying(
    kind: str, verbs: tuple[str, ...], schemes: tuple[str, ...]
) -> Callable[[Call], tuple[Download, ...]]:
    """A client whose verb copies from a URL of its scheme to a path."""

    def read(call: Call) -> tuple[Download, ...]:
        operands = parse_options(call.arguments, _CLIENT).operands
        words = [value.text for value in operands]
        if not any(" ".join(words).startswith(verb) for verb in verbs):
            return ()
        count = next(len(verb.split()) for verb in verbs if " ".join(words).startswith(verb))
        sources = operands[count:]
        if not sources or (schemes and sources[0].is_known and not sources[0].text.startswith(schemes)):
            return ()
        place = sources[-1]
        return _one(
            call, kind, sources[0], destination=place.text if len(sources) > 1 and place.is_known else ""
        )

    return read


def _always(kind: str) -> Callable[[Call], tuple[Download, ...]]:
    """A client that does nothing but fetch its operands."""

    def read(call: Call) -> tuple[Download, ...]:
        operands = parse_options(call.arguments, _CLIENT).operands
        return _one(call, kind, operands[0]) if operands else ()

    return read


def _gdown(call: Call) -> tuple[Download, ...]:
    """``gdown URL -O file``, ``gdown --id ID``."""
    parsed = parse_options(call.arguments, _CLIENT)
    named = parsed.options.get("--id", ())
    source = parsed.operands[0] if parsed.operands else named[-1].value if named else None
    output = _text(parsed, "--output-document", "--output")
    return _one(call, "gdrive", source, destination=call.path(output) if output else "") if source else ()


def _kaggle(call: Call) -> tuple[Download, ...]:
    """``kaggle datasets download -d owner/name``, ``kaggle competitions download -c name``."""
    parsed = parse_options(call.arguments, _CLIENT)
    words = [value.text for value in parsed.operands]
    if "download" not in words[:4]:
        return ()
    rest = parsed.operands[words.index("download") + 1 :]
    named = [option for name in ("--dataset", "--competition") for option in parsed.options.get(name, ())]
    source = rest[0] if rest else named[-1].value if named else None
    folder = _text(parsed, "--path")
    return _one(call, "kaggle", source, destination=call.path(folder) if folder else "")


def _remote(call: Call) -> tuple[Download, ...]:
    """``scp`` and ``rsync``: the first operand is on another machine."""
    operands = [value for value in call.arguments if not value.text.startswith("-")]
    found = next((value for value in operands[:-1] if re.match(r"[\w.@-]+:", value.text)), None)
    return _one(call, "ssh", found) if found else ()


def _module(call: Call) -> tuple[Download, ...]:
    words = call.texts
    if len(words) < 3 or words[0] != "-m":  # noqa: PLR2004 - -m, the module, and what it is told
        return ()
    module, rest = words[1], call.arguments[2:]
    if module == "spacy" and words[2] == "download":
        return _one(call, "spacy", rest[1] if len(rest) > 1 else None)
    kinds = {"nltk.downloader": "nltk", "unidic": "weights", "gdown": "gdrive", "wget": "http"}
    named = parse_options(rest, _CLIENT).operands
    return _one(call, kinds[module], named[0]) if module in kinds and named else ()


_READERS: Final[dict[str, Callable[[Call], tuple[Download, ...]]]] = {
    "curl": _curl,
    "wget": _wget,
    "wget2": _wget,
    "aria2c": _aria,
    "axel": _always("http"),
    "git": _git,
    "git-lfs": _copying("git-lfs", ("pull", "clone"), ()),
    "huggingface-cli": _huggingface,
    "hf": _huggingface,
    "hfdownloader": _always("huggingface"),
    "gsutil": _copying("gcs", ("cp", "rsync"), ("gs://",)),
    "gcloud": _copying("gcs", ("storage cp", "storage rsync"), ("gs://",)),
    "aws": _copying("s3", ("s3 cp", "s3 sync", "s3api get-object"), ("s3://", "http")),
    "s5cmd": _copying("s3", ("cp", "sync"), ("s3://",)),
    "mc": _copying("s3", ("cp", "mirror"), ()),
    "rclone": _copying("s3", ("copy", "sync", "copyto"), ()),
    "az": _copying("azure", ("storage blob download",), ()),
    "azcopy": _copying("azure", ("copy", "cp", "sync"), ("http",)),
    "gdown": _gdown,
    "kaggle": _kaggle,
    "modelscope": _copying("modelscope", ("download",), ()),
    "ollama": _copying("ollama", ("pull",), ()),
    "ngc": _copying("ngc", ("registry model download-version", "registry resource download-version"), ()),
    "dvc": _copying("dvc", ("get", "import", "pull"), ()),
    "oras": _copying("oci", ("pull",), ()),
    "spacy": _copying("spacy", ("download",), ()),
    "transformers-cli": _copying("huggingface", ("download",), ()),
    "wandb": _copying("wandb", ("artifact get",), ()),
    "scp": _remote,
    "rsync": _remote,
}
