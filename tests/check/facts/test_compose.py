"""What compose services say of building and running an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.check.facts.trees import source_of
from wherry.check.facts.compose import (
    ComposeService,
    is_compose_name,
    is_override_name,
    override_of,
    read_compose,
)
from wherry.check.facts.texts import Reader


def services(text: str, override: str | None = None) -> dict[str, ComposeService]:
    over = source_of(override, "app/compose.override.yaml") if override else None
    found = read_compose(source_of(text, "app/compose.yaml"), Reader(), over)
    return {service.name.value: service for service in found}


def service(text: str) -> ComposeService:
    body = "\n".join(f"    {line}" for line in text.splitlines())
    return services(f"services:\n  app:\n{body}\n")["app"]


@pytest.mark.parametrize(
    ("build", "context", "dockerfile"),
    [
        ("build: .", "app", "app/Dockerfile"),
        ("build: ../", ".", "Dockerfile"),
        (
            "build: {context: ./api, dockerfile: docker/gpu.Dockerfile}",
            "app/api",
            "app/api/docker/gpu.Dockerfile",
        ),
        ("build: {dockerfile: ../Dockerfile}", "app", "Dockerfile"),
        ("build: ${CONTEXT:-api}", "app/api", "app/api/Dockerfile"),
    ],
)
def test_a_service_knows_where_it_builds_from(build: str, context: str, dockerfile: str) -> None:
    found = service(build)
    assert found.context_path == Path(context)
    assert found.dockerfile_path == Path(dockerfile)
    assert found.builds(Path(dockerfile))
    assert not found.builds(Path("other"))


@pytest.mark.parametrize(
    "build",
    [
        "image: x",
        "build: https://github.com/x/y.git",
        "build: git@github.com:x/y.git",
        "build: $CONTEXT",
        "build: {context: ., dockerfile_inline: FROM x}",
        "build: {dockerfile: $FILE}",
    ],
)
def test_a_service_without_a_dockerfile_of_its_own_builds_none(build: str) -> None:
    assert service(build).dockerfile_path is None


def test_variables_come_as_mappings_and_lists() -> None:
    found = service("environment:\n  A: '1'\n  B:\n  C: ${C}\nbuild:\n  args: [D=2, E]")
    assert [(one.name, one.text.value if one.text else None) for one in found.environment] == [
        ("A", "1"),
        ("B", None),
        ("C", "${C}"),
    ]
    assert [(one.name, one.text.value if one.text else None) for one in found.build_args] == [
        ("D", "2"),
        ("E", None),
    ]
    entry = found.environment[0]
    assert (entry.place.start.line, found.source.text(entry.line.span)) == (4, "A: '1'")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 2}]}}}", "2"),
        ("deploy: {resources: {reservations: {devices: [{driver: nvidia}]}}}", ""),
        (
            "deploy: {resources: {reservations: {devices: [{capabilities: [[gpu, compute]], count: all}]}}}",
            "all",
        ),
        ("gpus: all", "all"),
        ("gpus: [{driver: nvidia}]", ""),
        ("runtime: nvidia", ""),
        ("devices: [/dev/nvidia0:/dev/nvidia0]", ""),
    ],
)
def test_a_gpu_may_be_asked_for_in_many_ways(text: str, count: str) -> None:
    found = service(text)
    assert found.gpu is not None
    assert found.gpu_count == count


@pytest.mark.parametrize(
    "text",
    [
        "image: x",
        "runtime: runc",
        "devices: [/dev/snd]",
        "deploy: {resources: {reservations: {devices: [{capabilities: [x]}]}}}",
    ],
)
def test_a_service_may_ask_for_no_gpu(text: str) -> None:
    found = service(text)
    assert found.gpu is None
    assert found.gpu_count == ""


def test_what_is_extended_and_overridden_is_carried_out() -> None:
    found = services(
        "services:\n  base: {image: b, shm_size: 1g, ports: ['1:1'], environment: {A: 1}}\n"
        "  app: {extends: base, image: a, ports: ['2:2']}\n  more: {extends: {service: app}, extends_: x}\n"
        "  far: {extends: {file: other.yml, service: base}}\n  loop: {extends: loop}\n",
        "services:\n  app: {shm_size: 8g, environment: {A: 2}}\n",
    )
    app = found["app"]
    assert app.shm_size is not None
    assert app.shm_size.value == "8g"
    assert app.shm_size.place.path == "app/compose.override.yaml"
    assert app.image is not None
    assert app.image.value == "a"
    assert [text.value for text in app.ports] == ["2:2", "1:1"]
    assert [one.text.value for one in app.environment if one.text] == ["2"]
    assert found["more"].image is not None
    assert found["more"].image.value == "a"
    assert found["far"].image is None
    assert found["loop"].image is None


def test_long_forms_read_like_short_ones() -> None:
    found = service(
        "ports: [{published: 80, target: 8080}, 9000]\nvolumes: [{source: a, target: /b}, './:/app']\n"
        "env_file: [a.env, {path: b.env}]\ncommand: python app.py\nentrypoint: [tini, --]\nexpose: [1]"
    )
    assert [text.value for text in found.ports] == ["80:8080", "9000"]
    assert [text.value for text in found.volumes] == ["a:/b", "./:/app"]
    assert [text.value for text in found.env_files] == ["a.env", "b.env"]
    assert [text.value for text in found.command] == ["python app.py"]
    assert [text.value for text in found.entrypoint] == ["tini", "--"]
    assert [text.value for text in found.expose] == ["1"]
    assert [text.value for text in service("env_file: .env").env_files] == [".env"]


def test_running_is_described() -> None:
    found = service(
        "user: '1000'\nipc: host\nnetwork_mode: host\npid: host\nplatform: linux/amd64\nrestart: always\n"
        "privileged: true\nread_only: yes\nmem_limit: 4g\ncap_add: [SYS_ADMIN]\n"
        "security_opt: [a]\nprofiles: [gpu]\n"
        "healthcheck: {test: [CMD, x]}\nbuild: {context: ., target: dev}"
    )
    said = (found.user, found.ipc, found.network_mode, found.pid, found.platform, found.restart, found.target)
    assert [str(text) for text in said] == ["1000", "host", "host", "host", "linux/amd64", "always", "dev"]
    assert found.privileged
    assert found.read_only
    assert found.has_healthcheck
    assert str(found.memory_limit) == "4g"
    assert [str(text) for text in (*found.cap_add, *found.security_opt, *found.profiles)] == [
        "SYS_ADMIN",
        "a",
        "gpu",
    ]
    assert found.place.start.line == 2
    plain = service("privileged: false")
    assert plain.privileged is None
    assert plain.memory_limit is None
    assert not plain.has_healthcheck
    assert plain.command == ()
    assert plain.entrypoint == ()


@pytest.mark.parametrize(
    "text", ["healthcheck: {disable: true}", "healthcheck: {test: NONE}", "healthcheck: {test: [NONE]}"]
)
def test_a_check_that_is_switched_off_is_none(text: str) -> None:
    found = service(text)
    assert found.is_healthcheck_disabled
    assert not found.has_healthcheck


@pytest.mark.parametrize(
    "text", ["", "services:\n", "services: [a]\n", "services: {a: 1, b: [x], c: }\n", "a: 1"]
)
def test_odd_files_hold_services_that_say_nothing(text: str) -> None:
    for found in services(text).values():
        assert found.image is None
        assert found.environment == ()
        assert found.ports == ()


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("compose.yaml", True),
        ("docker-compose.yml", True),
        ("docker-compose.gpu.yml", True),
        ("compose-prod.yaml", True),
        ("prod.docker-compose.yml", True),
        ("compose.json", False),
        ("decompose.yml", False),
        ("app.yaml", False),
    ],
)
def test_compose_files_are_known_by_name(name: str, *, is_one: bool) -> None:
    assert is_compose_name(name) is is_one


def test_an_override_stands_beside() -> None:
    assert override_of(Path("a/compose.yaml")) == [
        Path("a/compose.override.yaml"),
        Path("a/compose.override.yml"),
    ]
    assert override_of(Path("a/compose.gpu.yaml")) == []
    assert is_override_name("docker-compose.override.yml")
    assert not is_override_name("compose.yaml")
