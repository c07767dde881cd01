"""Values put into YAML files: bytes only come in, and a library of its own reads what was declared."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import TYPE_CHECKING, TypeAlias

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.check.yaml_writer import Json, Writer
from wherry.check.facts.texts import Reader
from wherry.check.facts.yaml_nodes import parse_documents
from wherry.check.fix import edited
from wherry.check.yaml_edits import fix_of, put, take
from wherry.check.yaml_proof import yaml_objection
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts.yaml_nodes import Node
    from wherry.check.yaml_edits import Put, Value

BOM = b"\xef\xbb\xbf"
Path: TypeAlias = tuple[str | int, ...]

DEVICE: Value = {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
GPU: dict[str, Value] = {"deploy": {"resources": {"reservations": {"devices": [DEVICE]}}}}
SHM: dict[str, Value] = {"shm_size": "8gb"}
LIMIT: dict[str, Value] = {"resources": {"limits": {"nvidia.com/gpu": 1}}}
MOUNT: dict[str, Value] = {"volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}]}
POLICY: dict[str, Value] = {"imagePullPolicy": "IfNotPresent"}
VALUES = (GPU, SHM, LIMIT, MOUNT, POLICY)


def node_at(data: bytes, path: Path) -> Node | None:
    number, *keys = path
    documents = parse_documents(Source("a.yaml", data), Reader())
    node: Node | None = documents[number] if isinstance(number, int) and number < len(documents) else None
    for key in keys:
        node = node and (node.parts[key] if isinstance(key, int) else node.get(key))
    return node


def put_at(data: bytes, path: Path, value: dict[str, Value]) -> Put | None:
    node = node_at(data, path)
    assert node is not None
    return put(node, value)


def after(text: str, value: dict[str, Value], path: Path = (0, "services", "a")) -> str | None:
    """The text with the value in it, proven; None where no place is sure."""
    data = text.encode()
    found = put_at(data, path, value)
    if found is None:
        return None
    made = edited(data, [found.edit])
    assert yaml_objection(data, made, [found.value]) is None
    return made.decode()


def service(lines: str, below: str = "") -> str:
    return f"services:\n  a:\n{lines}{below}"


def pod(lines: str) -> str:
    return f"spec:\n  containers:\n  - name: a\n{lines}"


POD: Path = (0, "spec", "containers", 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (service("    build: .\n"), service("    build: .\n    shm_size: 8gb\n")),
        (service("    build: ."), service("    build: .\n    shm_size: 8gb")),
        (
            service("    build: . # here\n    # ports: x\n", "  b: {}\n"),
            service("    build: . # here\n    shm_size: 8gb\n    # ports: x\n", "  b: {}\n"),
        ),
        (service("    image: 'x'\n"), service("    image: 'x'\n    shm_size: '8gb'\n")),
        (service('    "image": "x"\n'), service('    "image": "x"\n    "shm_size": "8gb"\n')),
        ("services: {a: {build: .}}\n", "services: {a: {build: ., shm_size: 8gb}}\n"),
        ("services: {a: {build: . ,}}\n", "services: {a: {build: ., shm_size: 8gb ,}}\n"),
        ("services: {a: {}}\n", "services: {a: {shm_size: 8gb}}\n"),
        ('{"services":{"a":{"build":"."}}}', '{"services":{"a":{"build":".", "shm_size": "8gb"}}}'),
        (
            service("    command: |\n      x\n\n      # y\n\n", "  b: {}\n"),
            service("    command: |\n      x\n\n      # y\n    shm_size: 8gb\n\n", "  b: {}\n"),
        ),
        (
            service("    command: x\n      y\n"),
            service("    command: x\n      y\n    shm_size: 8gb\n"),
        ),
        (service("    tty:\n"), service("    tty:\n    shm_size: 8gb\n")),
        (
            "x: &x\n  tty: true\nservices:\n  a:\n    <<: *x\n",
            "x: &x\n  tty: true\nservices:\n  a:\n    <<: *x\n    shm_size: 8gb\n",
        ),
        (
            service("    volumes:\n      - C:\\models:/models\n"),
            service("    volumes:\n      - C:\\models:/models\n    shm_size: 8gb\n"),
        ),
        (service("    shm_size: '64m'\n"), service("    shm_size: '8gb'\n")),
        (
            "--- # one\nservices:\n  a: {b: c}\n...\n",
            "--- # one\nservices:\n  a: {b: c, shm_size: 8gb}\n...\n",
        ),
    ],
)
def test_a_value_is_written_as_its_neighbours_are(text: str, expected: str) -> None:
    assert after(text, SHM) == expected
    windows = after(text.replace("\n", "\r\n"), SHM)
    assert windows == expected.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            service("    deploy:\n      replicas: 2\n", "  b: {}\n"),
            service(
                "    deploy:\n      replicas: 2\n      resources:\n        reservations:\n"
                "          devices:\n"
                "            - driver: nvidia\n              count: 1\n              capabilities: [gpu]\n",
                "  b: {}\n",
            ),
        ),
        (
            "services:\n    a:\n        ports:\n        - 80:80\n",
            (
                "services:\n    a:\n        ports:\n        - 80:80\n        deploy:\n"
                "            resources:\n                reservations:\n                    devices:\n"
                "                    - driver: nvidia\n"
                "                      count: 1\n                      capabilities: [gpu]\n"
            ),
        ),
        (
            service("    deploy:\n    # later\n", "  b: {}\n"),
            service(
                "    deploy:\n      resources:\n        reservations:\n          devices:\n"
                "            - driver: nvidia\n              count: 1\n              capabilities: [gpu]\n"
                "    # later\n",
                "  b: {}\n",
            ),
        ),
        (
            service("    deploy: {resources: {reservations: {devices: []}}} # x\n"),
            service(
                "    deploy: {resources: {reservations: {devices: "
                "[{driver: nvidia, count: 1, capabilities: [gpu]}]}}} # x\n"
            ),
        ),
        (
            service(
                "    deploy:\n      resources:\n        reservations:\n          devices:\n"
                "          - driver: cdi\n            # its name\n            device_ids: [x]\n"
            ),
            service(
                "    deploy:\n      resources:\n        reservations:\n          devices:\n"
                "          - driver: cdi\n            # its name\n            device_ids: [x]\n"
                "          - driver: nvidia\n            count: 1\n            capabilities: [gpu]\n"
            ),
        ),
    ],
)
def test_what_stands_there_already_is_added_to(text: str, expected: str) -> None:
    assert after(text, GPU) == expected


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        (
            LIMIT,
            pod("    image: x\n"),
            pod("    image: x\n    resources:\n      limits:\n        nvidia.com/gpu: 1\n"),
        ),
        (LIMIT, pod("    resources: {}\n"), pod("    resources: {limits: {nvidia.com/gpu: 1}}\n")),
        (
            LIMIT,
            pod(
                "    resources:\n      requests: {cpu: 1}\n      limits:\n        memory: 1Gi\n  - name: b\n"
            ),
            pod(
                "    resources:\n      requests: {cpu: 1}\n      limits:\n        memory: 1Gi\n"
                "        nvidia.com/gpu: 1\n  - name: b\n"
            ),
        ),
        (
            MOUNT,
            pod("    image: x\n"),
            pod("    image: x\n    volumeMounts:\n    - name: shm\n      mountPath: /dev/shm\n"),
        ),
        (
            MOUNT,
            pod("    volumeMounts: [{name: x, mountPath: /x}]\n"),
            pod("    volumeMounts: [{name: x, mountPath: /x}, {name: shm, mountPath: /dev/shm}]\n"),
        ),
        (
            POLICY,
            pod('    imagePullPolicy: "Always" # x\n'),
            pod('    imagePullPolicy: "IfNotPresent" # x\n'),
        ),
    ],
)
def test_manifests_are_written_as_they_are(value: dict[str, Value], text: str, expected: str) -> None:
    assert after(text, value, POD) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (SHM, "services:\n  a: &a\n    build: .\n  b: *a\n"),
        (SHM, "x: &x {build: .}\nservices:\n  a: *x\n"),
        (SHM, "services: &s\n  a:\n    build: .\n"),
        (SHM, "services:\n  a: !custom\n    build: .\n"),
        (SHM, "x: &x {shm_size: 1gb}\nservices:\n  a:\n    <<: *x\n"),
        (SHM, service("    shm_size: 1gb\n    shm_size: 2gb\n")),
        (SHM, service("    shm_size: [1gb]\n")),
        (SHM, service("    shm_size: |\n      1gb\n")),
        (SHM, service("    command: |+\n      x\n\n")),
        (SHM, service("    command: |\n      x")),
        (SHM, service("    command: !x |\n      x\n\n")),
        (SHM, service("    volumes:\n      - &v a:/b\n      - *v\n")),
        (SHM, "services: {a: {build: }}\n"),
        (GPU, service("    deploy: ~\n")),
        (GPU, service("    deploy: &d {}\n    x-deploy: *d\n")),
        (GPU, service("    deploy: [x]\n")),
        (GPU, "x: &x {resources: {}}\nservices:\n  a:\n    deploy: *x\n"),
        ({"a": 1, "b": 2}, service("    build: .\n")),
    ],
)
def test_where_the_place_is_not_sure_nothing_is_put(value: dict[str, Value], text: str) -> None:
    assert after(text, value) is None


def test_a_fix_has_all_its_edits_or_there_is_none() -> None:
    data = pod("    image: x").encode()
    container, spec = node_at(data, POD), node_at(data, (0, "spec"))
    assert container is not None
    assert spec is not None
    puts = [put(container, MOUNT), put(spec, {"volumes": [{"name": "shm"}]})]

    fix = fix_of("mount it", puts)

    assert fix_of("mount it", [*puts, None]) is None
    assert fix is not None
    assert edited(data, fix.edits).decode() == pod(
        "    image: x\n    volumeMounts:\n    - name: shm\n      mountPath: /dev/shm\n"
        "  volumes:\n  - name: shm"
    )
    assert yaml_objection(data, edited(data, fix.edits), fix.effect.values) is None


def places_in(value: Json, path: Path) -> list[Path]:
    """The ways to every mapping of what a YAML library read."""
    found: list[Path] = [path] if isinstance(value, dict) else []
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        found += places_in(part, (*path, key))
    return found


def merged(there: Json, value: Json) -> Json:
    if isinstance(there, dict) and isinstance(value, dict):
        return {**there, **{key: merged(there.get(key), one) for key, one in value.items()}}
    return [*there, *value] if isinstance(there, list) and isinstance(value, list) else value


def with_value(documents: Sequence[Json], path: Path, value: Json) -> list[Json]:
    """What a YAML library must read afterwards; nothing is shared any more."""
    made = copy.deepcopy(json.loads(json.dumps(documents)))
    *ways, last = path
    holder: Json = made
    for key in ways:
        holder = holder[key]
    holder[last] = merged(holder[last], value)
    return list(made)


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        ("    tty: true\n    gpus: all # x\n    # y\n", ("gpus",), "    tty: true\n    # y\n"),
        ("    tty: true\n    gpus: all", ("gpus",), "    tty: true\n"),
        ("    gpus:\n      - driver: x\n\n    tty: true\n", ("gpus",), "\n    tty: true\n"),
        ("    tty: true\n    x:\n      y:\n        z: 1\n", ("x", "y", "z"), "    tty: true\n"),
        (
            "    tty: true\n    x:\n      y: {z: 1}\n      w: 1\n",
            ("x", "y", "z"),
            "    tty: true\n    x:\n      w: 1\n",
        ),
        ("    gpus: all\n", ("gpus",), None),
        ("    x: {y: 1, z: 2}\n    tty: true\n", ("x", "y"), None),
        ("    x: &x {y: 1}\n    z: *x\n", ("x", "y"), None),
        ("    gpus: all\n    gpus: none\n", ("gpus",), None),
        ("    tty: true\n", ("gpus",), None),
        ("    tty: true\n    gpus: |+\n      x\n\n", ("gpus",), None),
    ],
)
def test_a_key_goes_with_its_lines_and_with_what_would_hold_nothing(
    text: str, keys: tuple[str, ...], expected: str | None
) -> None:
    for data in (service(text).encode(), service(text).replace("\n", "\r\n").encode()):
        node = node_at(data, (0, "services", "a"))
        assert node is not None
        found = take(node, *keys)
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            made = edited(data, [found.edit])
            assert made.decode().replace("\r\n", "\n") == service(expected)
            assert yaml_objection(data, made, [found.value]) is None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**40))
def test_what_is_taken_from_any_file_is_all_that_changes(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test's choice
    text = Writer(random).text() + random.choice(["\n", "", "\n\n", "\n# end\n"])
    data = text.replace("\n", random.choice(["\n", "\r\n"])).encode()
    documents = list(yaml.safe_load_all(data.decode()))
    path = random.choice(places_in(documents, ())) if documents else ()
    there: Json = documents
    for key in path:
        there = there[key]
    node = node_at(data, path) if path else None
    found = take(node, random.choice(list(there))) if node and there else None
    if found is None:
        return

    made = edited(data, [found.edit])

    assert yaml_objection(data, made, [found.value]) is None
    assert made == data[: found.edit.span.start] + data[found.edit.span.end :]
    wanted = json.loads(json.dumps(documents))
    holder = wanted
    for key in found.value.at[:-1]:
        holder = holder[key]
    del holder[found.value.at[-1]]
    assert list(yaml.safe_load_all(made.decode())) == wanted


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**40))
def test_what_is_put_into_any_file_is_all_that_changes(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test's choice
    writer = Writer(random)
    text = writer.text() + random.choice(["\n", "", "\n\n", "\n# end\n"])
    text = text.replace("\n", random.choice(["\n", "\n", "\r\n"]))
    data = random.choice([b"", b"", BOM]) + text.encode()
    documents = list(yaml.safe_load_all(data.decode("utf-8-sig")))
    path = random.choice(places_in(documents, ())) if documents else ()
    value = random.choice(VALUES)
    if not path:
        return

    found = put_at(data, path, value)

    if found is None:
        is_plain = not writer.is_wild and "|+" not in text and "{" not in text and text.endswith("\n")
        ((name, _),) = value.items()
        there: Json = documents
        for key in path:
            there = there[key]
        assert not is_plain or name in there, text
        return
    made = edited(data, [found.edit])
    assert list(yaml.safe_load_all(made.decode("utf-8-sig"))) == with_value(documents, path, value)
    assert yaml_objection(data, made, [found.value]) is None
    if found.edit.span.start == found.edit.span.end:
        start, more = found.edit.span.start, len(made) - len(data)
        assert made[:start] + made[start + more :] == data
    assert b"\r\n" in data or b"\r" not in made
    assert b"\r\n" not in data or made.count(b"\n") == made.count(b"\r\n")
    assert made.endswith(b"\n") == data.endswith(b"\n")
