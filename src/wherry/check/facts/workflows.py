"""CI files: where images are built, whether they are scanned, which Python is tested.

Gives ``read_workflow(source, reader)`` -> Workflow, and ``is_workflow_path``. ``Workflow``:
    kind                    "github", "gitlab", "circleci", "azure", "jenkins", "action" (a composite action)
    source, path
    builds                  ImageBuild(text, context, dockerfile, target, tags, pushes, platforms, build_args,
                            cache_to): docker/build-push-action, docker build, buildx, bake, kaniko, buildah,
                            podman build, wherry build, ko, depot, img
    scans                   Text of each step that scans an image: trivy, grype, snyk, docker scout, anchore,
                            clair, aqua, wiz, sysdig, wherry scan/audit, GitLab's container scanning template
    lints                   Text of each step that lints Dockerfiles: hadolint, wherry check, tally, --check
    pythons                 Text of Python versions it sets up
    calls                   Text of reusable workflows and includes it calls, whose content is not seen
    builds_images, scans_images

Paths inside are as written, ``${{ ... }}`` included. A Jenkinsfile and scripts are searched as text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.check.facts.texts import Text
from wherry.check.facts.yaml_nodes import parse_documents
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.texts import Reader
    from wherry.check.facts.yaml_nodes import Node
    from wherry.check.model import Place
    from wherry.dockerfile.source import Source

_MOST_NODES: Final = 20_000
_BUILD_ACTION: Final = regex(
    r"(?:docker/(?:build-push|bake)-action|depot/(?:build-push|bake)-action|redhat-actions/buildah-build"
    r"|elgohr/publish-docker[\w-]*|mr-smithers-excellent/docker-build-push|\S*kaniko\S*)@"
)
_SCAN_ACTION: Final = regex(
    r"(?:aquasecurity/trivy-action|anchore/(?:scan|grype)\S*|snyk/actions/docker|docker/scout-action"
    r"|azure/container-scan|sysdiglabs/\S*scan\S*|wizcli?\S*/\S*|crazy-max/ghaction-container-scan"
    r"|lacework/\S*scan\S*|prismacloud\S*|palo-alto-networks/prisma-cloud-scan|\S*wherry\S*scan\S*)@",
    re.IGNORECASE,
)
_LINT_ACTION: Final = regex(r"(?:hadolint/hadolint-action|\S*wherry\S*)@", re.IGNORECASE)
_BUILD_COMMAND: Final = regex(
    r"\b(?:docker(?:\s+buildx|\s+image|\s+builder)?\s+(?:build|bake)\b(?![^\n]*--check\b)"
    r"|(?:podman|buildah|nerdctl|finch|img)\s+(?:build|bud)\b"
    r"|docker[ -]compose\s+(?:[\w.=/-]+\s+){0,12}build\b|(?:wherry|depot|pack)\s+build\b"
    r"|gcloud\s+builds\s+submit\b|az\s+acr\s+build\b)|/kaniko/executor\b"
)
_SCAN_COMMAND: Final = regex(
    r"\b(?:trivy\s+(?:\S+\s+){0,8}?(?:image|i|rootfs|sbom)\b|grype\s+\S|snyk\s+container\b|docker\s+sc(?:out|an)\b"
    r"|anchore(?:ctl|-cli)\b|clairctl\b|clair-scanner\b|wherry\s+(?:scan|audit)\b|twistcli\s+images\b"
    r"|wizcli\s+docker\b|aqua(?:sec)?\s+scan\b|scannercli\b|dockle\s+\S|cosign\s+verify-attestation\b"
    r"|gcloud\s+artifacts\s+docker\s+images\s+scan\b)"
)
_LINT_COMMAND: Final = regex(
    r"\b(?:hadolint\b|wherry\s+check\b|tally\s+(?:lint|check)\b|docker(?:\s+buildx)?\s+build\b[^\n]*--check\b"
    r"|trivy\s+config\b|checkov\b)"
)
_GITLAB_SCAN: Final = regex(r"(?:Jobs|Security)/Container-Scanning|container[-_]scanning", re.IGNORECASE)
_FLAG: Final = regex(
    r"(?:\s|^)(?:(--push)\b|(-f|--file|--target|-t|--tag|--dockerfile|--context|--platform)[ =]+(\S+))"
)
_COMMENT: Final = regex(r"(?:^|\s)#[^\n]*")


class ImageBuild(Frozen):
    """One step that builds an image; what it does not say is ""."""

    text: Text
    context: str = ""
    dockerfile: str = ""
    target: str = ""
    tags: tuple[str, ...] = ()
    platforms: str = ""
    build_args: str = ""
    cache_to: str = ""
    pushes: bool = False

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.text.place


class Workflow(Frozen):
    """One CI file; the module says what stands where."""

    kind: str
    path: Path
    source: Source
    builds: tuple[ImageBuild, ...] = ()
    scans: tuple[Text, ...] = ()
    lints: tuple[Text, ...] = ()
    pythons: tuple[Text, ...] = ()
    calls: tuple[Text, ...] = ()

    @property
    def builds_images(self) -> bool:
        """Whether some step builds an image."""
        return bool(self.builds)

    @property
    def scans_images(self) -> bool:
        """Whether some step scans an image."""
        return bool(self.scans)


def is_workflow_path(path: Path) -> bool:
    """Whether a file is CI's by its name and directory."""
    return _kind(path) != ""


def read_workflow(source: Source, reader: Reader) -> Workflow:
    """What a CI file builds and scans; of one that is no YAML its text is searched."""
    path = Path(source.name)
    kind = _kind(path) or "github"
    documents = () if kind == "jenkins" else parse_documents(source, reader)
    if not documents:
        return _of_text(source, path, kind)
    found = _Steps()
    for document in documents:
        found.read(document)
    return Workflow(
        kind,
        path,
        source,
        tuple(found.builds),
        tuple(found.scans),
        tuple(found.lints),
        tuple(found.pythons),
        tuple(found.calls),
    )


def _kind(path: Path) -> str:
    name, parts = path.name.lower(), path.as_posix().lower()
    if name.startswith("jenkinsfile"):
        return "jenkins"
    if not name.endswith((".yml", ".yaml")):
        return ""
    if "github/workflows/" in parts:
        return "github"
    if name in {"action.yml", "action.yaml"} or name.endswith("gitlab-ci.yml") or ".gitlab/" in parts:
        return "action" if name.startswith("action.") else "gitlab"
    is_azure = name.startswith("azure-pipelines")
    return "circleci" if ".circleci/" in parts else "azure" if is_azure else ""


def _of_text(source: Source, path: Path, kind: str) -> Workflow:
    whole = Text(source.text(Span(0, len(source.data))), source, Span(0, len(source.data)))
    found = _Steps()
    found.script(whole, None, start=0)
    return Workflow(kind, path, source, tuple(found.builds), tuple(found.scans), tuple(found.lints))


class _Steps:
    """What the steps of a workflow do, gathered in one walk over its nodes."""

    def __init__(self) -> None:
        self.builds: list[ImageBuild] = []
        self.scans: list[Text] = []
        self.lints: list[Text] = []
        self.pythons: list[Text] = []
        self.calls: list[Text] = []

    def read(self, document: Node) -> None:
        """Every mapping and scalar, each once."""
        waiting: list[tuple[str, Node, Node | None]] = [("", document, None)]
        seen: set[int] = set()
        while waiting and len(seen) < _MOST_NODES:
            key, node, parent = waiting.pop(0)
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.kind == "mapping":
                waiting += [(name.value, value, node) for name, value in node.items()]
            elif node.kind == "sequence":
                waiting += [(key, part, parent) for part in node.elements()]
            elif node.text:
                self.scalar(key, node.text, parent)

    def scalar(self, key: str, text: Text, parent: Node | None) -> None:
        """One value under its nearest key."""
        if key == "uses":
            self.action(text, parent)
        elif key in {"run", "script", "before_script", "after_script", "command", "bash", "inlineScript"}:
            self.script(text, parent)
        elif key in {"python-version", "python_version", "PYTHON_VERSION"}:
            if "$" not in text.value:
                self.pythons.append(text)
        elif key in {"template", "include", "local", "component", "remote"}:
            (self.scans if _GITLAB_SCAN.search(text.value) else self.calls).append(text)
        elif key in {"image", "name"} and parent is not None and _SCAN_IMAGE.search(text.value):
            self.scans.append(text)

    def action(self, text: Text, parent: Node | None) -> None:
        """A step that uses an action of others."""
        if _BUILD_ACTION.match(text.value):
            self.builds.append(_of_action(text, parent.get("with") if parent else None))
        if _SCAN_ACTION.match(text.value) and not _is_config_scan(parent):
            self.scans.append(text)
        elif _LINT_ACTION.match(text.value):
            self.lints.append(text)
        elif ".github/workflows/" in text.value:
            self.calls.append(text)

    def script(self, text: Text, _parent: Node | None, start: int | None = None) -> None:
        """A step that runs commands; continued lines belong together, comments to nobody."""
        plain = _COMMENT.sub(lambda found: " " * len(found[0]), text.value.replace("\\\n", "  "))
        for found in _BUILD_COMMAND.finditer(plain):
            end = plain.find("\n", found.end())
            line = plain[found.start() : end if end >= 0 else len(plain)]
            self.builds.append(_of_command(_part(text, found, start), line))
        self.scans += [_part(text, found, start) for found in _SCAN_COMMAND.finditer(plain)]
        self.lints += [_part(text, found, start) for found in _LINT_COMMAND.finditer(plain)]


_SCAN_IMAGE: Final = regex(r"(?:aquasec/trivy|anchore/grype|snyk/snyk|goodwithtech/dockle)(?:[:@]|$)")


def _is_config_scan(parent: Node | None) -> bool:
    """Whether an action that can scan images is told to scan files."""
    kind = parent.get("with", "scan-type") if parent else None
    return kind is not None and kind.string in {"fs", "config", "repo"}


def _of_action(text: Text, given: Node | None) -> ImageBuild:
    values = {key.value: value.string for key, value in given.items()} if given else {}
    return ImageBuild(
        text,
        context=values.get("context", ""),
        dockerfile=values.get("file", "") or values.get("dockerfile", ""),
        target=values.get("target", ""),
        tags=tuple(values.get("tags", "").split()),
        platforms=values.get("platforms", ""),
        build_args=values.get("build-args", ""),
        cache_to=values.get("cache-to", ""),
        pushes=values.get("push", "") not in {"", "false"},
    )


def _of_command(text: Text, line: str) -> ImageBuild:
    flags: dict[str, list[str]] = {}
    for pushes, name, value in _FLAG.findall(line):
        flags.setdefault(pushes or name, []).append(value)
    plain = _FLAG.sub(" ", re.split(r"&&|;", line, maxsplit=1)[0])
    operands = [word for word in plain.split()[2:] if not word.startswith("-") and word not in {"build", "|"}]
    context = next(iter(flags.get("--context", [])), operands[-1] if operands else "")
    return ImageBuild(
        text,
        context=context,
        dockerfile=next(
            iter(flags.get("-f", []) + flags.get("--file", []) + flags.get("--dockerfile", [])), ""
        ),
        target=next(iter(flags.get("--target", [])), ""),
        tags=tuple(flags.get("-t", []) + flags.get("--tag", [])),
        platforms=next(iter(flags.get("--platform", [])), ""),
        pushes="--push" in flags,
    )


def _part(text: Text, found: re.Match[str], start: int | None) -> Text:
    """A stretch of a script: its own bytes where the script stands in the file as it is."""
    needle = found[0].split("\n")[0].encode()
    at = text.source.data.find(needle, text.span.start if start is None else start, text.span.end)
    span = Span(at, at + len(needle)) if at >= 0 else text.span
    return Text(found[0].strip(), text.source, span)
