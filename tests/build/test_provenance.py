from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.results import BASE, built_image
from wherry import __version__
from wherry.build.provenance import Inputs, make_provenance
from wherry.digest import Digest
from wherry.layers.model import BytecodeCompiler
from wherry.plan.model import Policy

COMMIT = "c0ffee" * 6 + "c0ff"
PINS = Digest.of_bytes(b"pins")
LOCK = Digest.of_bytes(b"a lock")
INPUTS = Inputs(
    locks=(("wherry.lock", PINS), ("uv.lock", LOCK)),
    target="production",
    source_url="https://git.example/team/app",
    revision=COMMIT,
)
IMAGE = built_image()
IMAGE = replace(IMAGE, plan=replace(IMAGE.plan, base=replace(BASE, digest=PINS)))


def statement(inputs: Inputs = INPUTS, **base: Any) -> dict[str, Any]:  # noqa: ANN401 - of `Base`
    plan = replace(IMAGE.plan, base=replace(IMAGE.plan.base, **base))
    found: dict[str, Any] = json.loads(make_provenance("app", replace(IMAGE, plan=plan), inputs))
    return found


def definition(inputs: Inputs = INPUTS, **base: Any) -> dict[str, Any]:  # noqa: ANN401 - of `Base`
    found: dict[str, Any] = statement(inputs, **base)["predicate"]["buildDefinition"]
    return found


def test_it_is_a_statement_about_the_image_by_its_digest() -> None:
    found = statement()
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    assert found["subject"] == [{"name": "app", "digest": {"sha256": IMAGE.descriptor.digest.hex}}]


def test_it_says_what_was_asked_for() -> None:
    asked = replace(INPUTS, target="dev", groups=("web", "dev"), extras=("s3",), source_date_epoch=0)
    policy = Policy(IMAGE.plan.policy.layout, compression="zstd", bytecode=BytecodeCompiler((), "3.11.2"))
    image = replace(IMAGE, plan=replace(IMAGE.plan, policy=policy))
    found = json.loads(make_provenance("app", image, asked))["predicate"]["buildDefinition"]
    assert found["externalParameters"] == {
        "platform": "linux/amd64",
        "target": "dev",
        "base": "debian:bookworm",
        "groups": ["dev", "web"],
        "extras": ["s3"],
        "compression": "zstd",
        "bytecode": "3.11.2",
        "sourceDateEpoch": 0,
    }


def test_it_names_locks_base_and_commit_by_digest() -> None:
    assert definition()["resolvedDependencies"] == [
        {"name": "debian:bookworm", "digest": {"sha256": PINS.hex}},
        {
            "name": "source",
            "uri": f"git+https://git.example/team/app@{COMMIT}",
            "digest": {"gitCommit": COMMIT},
        },
        {"name": "uv.lock", "digest": {"sha256": LOCK.hex}},
        {"name": "wherry.lock", "digest": {"sha256": PINS.hex}},
    ]


def test_a_commit_of_no_known_repository_is_told_all_the_same() -> None:
    found = definition(replace(INPUTS, source_url=""))["resolvedDependencies"]
    assert {"name": "source", "digest": {"gitCommit": COMMIT}} in found
    assert "source" not in {
        one["name"] for one in definition(replace(INPUTS, revision=""))["resolvedDependencies"]
    }


def test_a_base_on_the_builders_disk_has_no_name_elsewhere() -> None:
    below = (object(),)
    hidden = definition(name="oci:/home/someone/base", layers=below)
    assert "someone" not in json.dumps(hidden)
    assert hidden["resolvedDependencies"][0]["name"] == "base"
    named = definition(name="python:3.12", layers=below, registry_name="docker.io/library/python:3.12")
    assert named["externalParameters"]["base"] == "docker.io/library/python:3.12"


def test_the_builder_is_this_version_of_wherry_and_no_machine_or_moment() -> None:
    details = statement()["predicate"]["runDetails"]
    assert details == {"builder": {"id": "https://wherry.dev/builder/v1", "version": {"wherry": __version__}}}


def test_the_same_inputs_give_the_same_bytes_whatever_their_order() -> None:
    other = replace(INPUTS, locks=tuple(INPUTS.locks)[::-1])
    assert make_provenance("app", IMAGE, other) == make_provenance("app", IMAGE, INPUTS)
