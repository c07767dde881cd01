"""Pushed by wherry, pulled by others, and the other way round; and no password where it does not belong."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.handmade import name_image, put_image, shell_config, shell_layer
from tests.programs import require_program
from tests.registries import PASSWORD, USER, docker_registry
from tests.registry_world.guard import Guard, Rights
from tests.registry_world.images import make_image, make_index
from wherry.progress import SilentProgress
from wherry.store.prune import verify
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.registries import DockerRegistry
    from tests.registry_world.certificates import Authority
    from tests.registry_world.quirks import QuirkRegistry

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"
IDENTITY = "planted-identity-token"
SECRETS = (
    PASSWORD,
    base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    IDENTITY,
    base64.b64encode(f"<token>:{IDENTITY}".encode()).decode(),
    "planted-token-",
    "planted-signature",
)


def tool(*arguments: str) -> str:
    done = subprocess.run(
        [require_program(arguments[0]), *arguments[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Machine:
    """A home, a store and docker's configuration of its own; `wherry` in a process of its own."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """All that `wherry` printed, on both streams."""

    @property
    def store(self) -> Store:
        return Store.open(self.root / "store")

    @property
    def docker_config(self) -> Path:
        return self.root / "home" / ".docker" / "config.json"

    def run(self, *arguments: str, code: int = 0, typed: str = "") -> str:
        """Run wherry; what it printed on both streams."""
        (self.root / "home").mkdir(parents=True, exist_ok=True)
        hidden = {"DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"}
        done = subprocess.run(
            [sys.executable, "-m", "wherry", *arguments],
            env={
                **{name: value for name, value in os.environ.items() if name not in hidden},
                "WHERRY_CACHE_DIR": str(self.root / "store"),
                "HOME": str(self.root / "home"),
                **self.variables,
            },
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        self.said.append(done.stdout)
        assert done.returncode == code, done.stdout
        assert code == 0 or len(done.stdout.splitlines()) <= 3 or "WHERRY_DEBUG" in self.variables
        return done.stdout

    def login(self, host: str, password: str = PASSWORD, code: int = 0) -> str:
        return self.run("login", host, "-u", USER, "--password-stdin", typed=f"{password}\n", code=code)

    def files(self) -> list[Path]:
        """All there are, but docker's configuration, where passwords belong."""
        return [p for p in self.root.rglob("*") if p.is_file() and p != self.docker_config]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture
def another_machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "another-machine")


def require_no_secret(*places: Path | str, secrets: tuple[str, ...] = SECRETS) -> None:
    """No *places*, which are texts, files and directories, have a credential in them."""
    for place in places:
        texts = {"what was printed": place.encode()} if isinstance(place, str) else {}
        if not isinstance(place, str):
            files = [p for p in place.rglob("*") if p.is_file()] if place.is_dir() else [place]
            texts = {str(file): file.read_bytes() for file in files}
        for name, text in texts.items():
            found = [secret for secret in secrets if secret.encode() in text]
            assert not found, f"{found} in {name}"


# --- others pull what we pushed ---


def test_skopeo_inspects_what_was_pushed(
    machine: Machine, plain_registry: DockerRegistry, fresh_repository: str
) -> None:
    image = make_image(machine.store)
    place = f"{plain_registry.host}/{fresh_repository}:v1"
    assert image.digest in machine.run("push", "app:v1", place)
    found = json.loads(tool("skopeo", "inspect", "--tls-verify=false", f"docker://{place}"))
    assert found["Digest"] == image.digest
    assert found["Name"] == place.removesuffix(":v1")
    assert len(found["Layers"]) == 3


def test_every_platform_of_an_index_is_pushed_and_the_layer_they_share_once(
    machine: Machine, plain_registry: DockerRegistry, fresh_repository: str, tmp_path: Path
) -> None:
    index = make_index(machine.store, shared=400_000, own=1000)
    place = f"{plain_registry.host}/{fresh_repository}:v1"
    pushed = json.loads(machine.run("push", "both:v1", place, "--json"))
    assert pushed["digest"] == index.digest
    assert 400_000 < pushed["sent_bytes"] < 420_000
    copy = ("skopeo", "copy", "--all", "--src-tls-verify=false", f"docker://{place}", f"dir:{tmp_path}/copy")
    tool(*copy)
    assert (tmp_path / "copy" / "manifest.json").read_bytes() == machine.store.blobs.path(
        index.digest
    ).read_bytes()


@pytest.mark.xdist_group("docker")
def test_docker_pulls_and_runs_what_was_pushed(
    machine: Machine, plain_registry: DockerRegistry, fresh_repository: str, docker_host: str
) -> None:
    image = put_image(machine.store, [shell_layer()], config=shell_config())
    name_image(machine.store, "shell:v1", image)
    place = f"{plain_registry.host}/{fresh_repository}:v1"
    machine.run("push", "shell:v1", place)
    docker = ("docker", "--host", docker_host)
    assert image.digest in tool(*docker, "pull", place)
    try:
        assert tool(*docker, "run", "--rm", "--network=none", place).split() == ["hello", "65532", "/opt"]
    finally:
        tool(*docker, "image", "rm", "--force", place)


@pytest.mark.index
@pytest.mark.debian
@pytest.mark.xdist_group("docker")
@pytest.mark.parametrize("compression", ["gzip", "estargz"])
def test_docker_pulls_and_runs_a_project_that_was_built_into_the_registry(
    machine: Machine, cache_dir: Path, plain_registry: DockerRegistry, docker_host: str, compression: str
) -> None:
    machine.variables["WHERRY_CACHE_DIR"] = str(cache_dir)
    project = machine.root / "digits"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("wherry.lock", "weights", ".venv"))
    place = f"{plain_registry.host}/{compression}/digits:v1"
    machine.run("build", str(project), "-t", place, "--push", "--compression", compression)
    manifest = tool("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{place}")
    assert ("containerd.io/snapshot/stargz/toc.digest" in manifest) == (compression == "estargz")
    docker = ("docker", "--host", docker_host)
    tool(*docker, "pull", place)
    try:
        probe = "import numpy, onnxruntime, os; print(os.getuid(), os.getcwd(), numpy.arange(3).sum())"
        run = (*docker, "run", "--rm", "--network=host", "--read-only", "--entrypoint=python", place)
        assert tool(*run, "-c", probe).split() == ["65532", "/app", "3"]
    finally:
        tool(*docker, "image", "rm", "--force", place)


# --- we pull what others pushed ---


@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_what_skopeo_pushed_is_pulled_byte_for_byte(
    machine: Machine, another_machine: Machine, plain_registry: DockerRegistry, tmp_path: Path, form: str
) -> None:
    make_image(machine.store)
    place = f"{plain_registry.host}/skopeos/{form}:v1"
    machine.run("save", "app:v1", f"oci:{tmp_path}/layout")
    source = f"oci:{tmp_path}/layout:v1"
    tool("skopeo", "copy", "--format", form, "--dest-tls-verify=false", source, f"docker://{place}")
    there = json.loads(tool("skopeo", "inspect", "--tls-verify=false", f"docker://{place}"))["Digest"]
    assert there in another_machine.run("pull", place)
    assert verify(another_machine.store, SilentProgress()) == []
    another_machine.run("copy", place, f"{place[:-1]}2")
    again = json.loads(tool("skopeo", "inspect", "--tls-verify=false", f"docker://{place[:-1]}2"))["Digest"]
    assert again == there


def test_an_image_goes_from_one_registry_to_another_and_its_digest_with_it(
    machine: Machine,
    another_machine: Machine,
    plain_registry: DockerRegistry,
    fresh_repository: str,
    tmp_path: Path,
) -> None:
    index = make_index(machine.store)
    here = f"{plain_registry.host}/{fresh_repository}:v1"
    machine.run("push", "both:v1", here)
    with docker_registry(tmp_path) as other:
        there = f"{other.host}/elsewhere/app:v1"
        assert index.digest in another_machine.run("copy", here, there)
        assert json.loads(tool("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{there}"))
        machine.run("pull", f"{there.removesuffix(':v1')}@{index.digest}")
    # What went through was not kept.
    assert sum(f.stat().st_size for f in another_machine.files()) < 100_000


# --- a name and a password ---


def test_login_push_pull_and_logout_over_tls(
    machine: Machine,
    another_machine: Machine,
    tls_registry: DockerRegistry,
    authority: Authority,
    fresh_repository: str,
) -> None:
    image = make_image(machine.store)
    place = f"{tls_registry.host}/{fresh_repository}:v1"
    for each in (machine, another_machine):
        each.variables["SSL_CERT_FILE"] = str(authority.file)

    refused = machine.run("push", "app:v1", place, code=3)
    assert f"wherry login {tls_registry.host}" in refused
    assert "password" in machine.login(tls_registry.host, "Mistyped-Pa55word", code=3)
    assert not machine.docker_config.exists()

    assert f"logged in to {tls_registry.host} as {USER}" in machine.login(tls_registry.host)
    assert machine.docker_config.stat().st_mode & 0o777 == 0o600
    assert image.digest in machine.run("push", "app:v1", place)

    another_machine.login(tls_registry.host)
    assert image.digest in another_machine.run("pull", place)
    inspect = ("skopeo", "inspect", *tls_registry.skopeo[""], f"docker://{place}")
    assert json.loads(tool(*inspect))["Digest"] == image.digest

    # Docker and skopeo read the same file.
    trust = ("--cert-dir", str(authority.directory), "--authfile", str(machine.docker_config))
    assert json.loads(tool("skopeo", "inspect", *trust, f"docker://{place}"))["Digest"] == image.digest

    machine.run("logout", tls_registry.host)
    assert f"wherry login {tls_registry.host}" in machine.run("pull", place, code=3)
    for each in (machine, another_machine):
        require_no_secret(*each.said, *each.files(), secrets=(*SECRETS, "Mistyped-Pa55word"))
    require_no_secret(tls_registry.storage, tls_registry.log)


def test_a_certificate_that_nobody_trusts_is_refused_before_the_password_is_sent(
    machine: Machine, tls_registry: DockerRegistry
) -> None:
    assert "certificate" in machine.login(tls_registry.host, code=3)
    assert not machine.docker_config.exists()


# --- each way to a credential: what is planted there opens the door, and is seen nowhere else ---


def docker_file(machine: Machine, host: str) -> None:
    machine.docker_config.parent.mkdir(parents=True)
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    machine.docker_config.write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def identity_token(machine: Machine, host: str) -> None:
    machine.docker_config.parent.mkdir(parents=True)
    auth = base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode()
    machine.docker_config.write_text(json.dumps({"auths": {host: {"auth": auth, "identitytoken": IDENTITY}}}))


def podman_file(machine: Machine, host: str) -> None:
    docker_file(machine, host)
    secrets = machine.root.parent / "secrets"
    secrets.mkdir()
    machine.variables["REGISTRY_AUTH_FILE"] = str(machine.docker_config.rename(secrets / "auth.json"))


def _helper(machine: Machine, host: str, user: str, secret: str, key: str) -> None:
    programs = machine.root.parent / "programs"
    programs.mkdir()
    helper = programs / "docker-credential-harbour"
    answer = json.dumps({"ServerURL": host, "Username": user, "Secret": secret})
    helper.write_text(f"#!/bin/sh\nread -r host\n[ \"$host\" = '{host}' ] && echo '{answer}'\n")
    helper.chmod(0o755)
    machine.variables["PATH"] = f"{programs}:{os.environ['PATH']}"
    machine.docker_config.parent.mkdir(parents=True)
    machine.docker_config.write_text(
        json.dumps({"credHelpers": {host: "harbour"}} if key == "credHelpers" else {"credsStore": "harbour"})
    )


def helper_of_the_host(machine: Machine, host: str) -> None:
    _helper(machine, host, USER, PASSWORD, "credHelpers")


def helper_of_all_hosts(machine: Machine, host: str) -> None:
    _helper(machine, host, USER, PASSWORD, "credsStore")


def helper_with_an_identity_token(machine: Machine, host: str) -> None:
    _helper(machine, host, "<token>", IDENTITY, "credHelpers")


WAYS = [
    docker_file,
    identity_token,
    podman_file,
    helper_of_the_host,
    helper_of_all_hosts,
    helper_with_an_identity_token,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_planted_credential_opens_the_door_and_is_seen_nowhere(
    start_quirks: Callable[..., QuirkRegistry], machine: Machine, way: Callable[[Machine, str], None]
) -> None:
    elsewhere = start_quirks()
    quirks = start_quirks(blobs_at=elsewhere.url)
    elsewhere.blobs = quirks.blobs
    quirks.guard = Guard({USER: Rights(PASSWORD)}, identity_tokens={IDENTITY: USER})
    machine.variables["WHERRY_DEBUG"] = "1"
    way(machine, quirks.host)
    image = make_image(machine.store)
    place = f"{quirks.host}/team/app:v1"
    machine.run("push", "app:v1", place)
    machine.run("rm", "app:v1")
    machine.run("cache", "prune", "--all")
    assert image.digest in machine.run("pull", place)

    # What went well, and what did not.
    machine.run("pull", f"{quirks.host}/team/nothing:v1", code=3)
    machine.run("rm", place)
    machine.run("cache", "prune", "--all")
    elsewhere.fails(418, times=100)
    machine.run("pull", place, code=3)
    quirks.fails(
        418, times=100, place="/v2/", body=b'{"errors":[{"code":"TEAPOT","message":"short and stout"}]}'
    )
    assert "stout" in machine.run("pull", place, code=3)

    assert quirks.guard.tokens_given > 1
    assert elsewhere.requests
    assert not any(request.headers.get("Authorization") for request in elsewhere.requests)
    require_no_secret(*machine.said, *machine.files())
    require_no_secret(*(blob.decode("latin-1") for blob in quirks.blobs["team/app"].values()))


@pytest.mark.parametrize(
    ("rights", "told"),
    [
        (None, "wherry login"),
        (Rights("another"), "password"),
        (Rights(PASSWORD, frozenset({"pull"})), "permission"),
    ],
    ids=["no credentials", "wrong password", "no permission"],
)
def test_each_refusal_is_told_by_what_can_be_done(
    quirks: QuirkRegistry, machine: Machine, rights: Rights | None, told: str
) -> None:
    quirks.guard = Guard({USER: rights} if rights else {"somebody": Rights("else")})
    if rights:
        docker_file(machine, quirks.host)
    make_image(machine.store)
    said = machine.run("push", "app:v1", f"{quirks.host}/team/app:v1", code=3)
    assert told in said
    assert not quirks.blobs
    require_no_secret(*machine.said)


# --- what may be in a registry ---


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


DIGEST = f"sha256:{'0' * 64}"
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 2}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": DIGEST, "size": 2}
MANIFEST = {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER]}
HOSTILE = {
    "huge": encoded({**MANIFEST, "annotations": {"x": "y" * (5 << 20)}}),
    "deep": b'{"schemaVersion":2,"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "with a key twice": b'{"schemaVersion":2,"config":' + encoded(CONFIG) + b',"layers":[],"layers":[]}',
    "no JSON": b"<html>",
    "an index as well": encoded({**MANIFEST, "manifests": []}),
    "another media type": encoded({**MANIFEST, "mediaType": "application/vnd.oci.image.index.v1+json"}),
    "a path for a digest": encoded(
        {**MANIFEST, "config": {**CONFIG, "digest": "sha256:../../../etc/passwd"}}
    ),
    "a path for an algorithm": encoded({**MANIFEST, "layers": [{**LAYER, "digest": "../../etc:passwd"}]}),
    "a negative size": encoded({**MANIFEST, "layers": [{**LAYER, "size": -1}]}),
    "an impossible size": encoded({**MANIFEST, "layers": [{**LAYER, "size": 1 << 62}]}),
    "two sizes for a blob": encoded({**MANIFEST, "layers": [LAYER, {**LAYER, "size": 3}]}),
    "the number 1": b"1",
    "empty": b"",
    "not UTF-8": b'{"schemaVersion":2,"config":"\xff"}',
}

NOT_THERE = {"an impossible size", "two sizes for a blob"}
"""What names a blob that is not there and is asked for first."""


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("command", ["pull", "copy"])
def test_a_hostile_manifest_is_an_error_and_leaves_nothing(
    quirks: QuirkRegistry, machine: Machine, kind: str, command: str, tmp_path: Path
) -> None:
    media_type = "application/vnd.oci.image.manifest.v1+json"
    quirks.put_manifest("team/app", HOSTILE[kind], media_type, "v1")
    place = f"{quirks.host}/team/app:v1"
    arguments = (place,) if command == "pull" else (place, f"oci:{tmp_path}/out")
    said = machine.run(command, *arguments, code=3 if kind in NOT_THERE else 2)
    assert said.startswith("error: ")
    assert "did not expect" not in said
    assert not list(machine.store.blobs.items())
    assert not (tmp_path / "out" / "index.json").exists()


@pytest.mark.parametrize(
    "reference",
    [
        "127.0.0.1:1/UPPER:v1",
        "127.0.0.1:1/app:",
        "127.0.0.1:1/app@sha256:abc",
        "127.0.0.1:1/../app:v1",
        "127.0.0.1:99999/app:v1",
        "127.0.0.1:1/app:v1@md5:0",
        "docker://app",
        "http://127.0.0.1:1/app",
        f"127.0.0.1:1/{'a' * 300}",
        "127.0.0.1:1/app:\x1b[31m",
        "user:password@127.0.0.1:1/app",
    ],
)
def test_a_name_that_is_none_is_said_to_be_none(machine: Machine, reference: str) -> None:
    said = machine.run("pull", reference, code=2)
    assert said.startswith("error: ")
    assert "\x1b" not in said
