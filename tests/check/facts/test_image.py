from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.check.facts.dockerfiles import facts_of
from tests.handmade import Entry, compress, name_image, put_image, put_index, source_of, tar_of
from wherry.check.facts.image import BuiltImage, history_key, open_built
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci import media_types
from wherry.oci.image import Image, read_image
from wherry.oci.layout import write_layout
from wherry.oci.model import Config, describe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wherry.oci.media_types import LayerCoding
    from wherry.store.store import Store

DOCKERFILE = """
    FROM python:3.12-slim AS base
    WORKDIR /app
    COPY requirements.txt .
    RUN pip install \\
        -r requirements.txt
    FROM base
    ENV A=1
    COPY --chown=app:app src/ /app/src
    USER app
    RUN echo done
    CMD ["python", "-m", "app"]
"""
BUILDKIT = [
    ("/bin/sh -c #(nop) ADD file:" + "0" * 64 + " in / ", True),
    ("ENV LANG=C.UTF-8", False),
    ("RUN /bin/sh -c set -eux;   apt-get update # buildkit", True),
    ("WORKDIR /app", True),
    ("COPY requirements.txt . # buildkit", True),
    ("RUN |1 V=1 /bin/sh -c pip install     -r requirements.txt # buildkit", True),
    ("ENV A=1", False),
    ("COPY --chown=app:app src/ /app/src # buildkit", True),
    ("USER app", False),
    ("RUN /bin/sh -c echo done # buildkit", True),
    ('CMD ["python" "-m" "app"]', False),
]


def built(store: Store, history: Sequence[tuple[str, bool]], coding: LayerCoding = "gzip") -> BuiltImage:
    """An image whose history is this, each of its layers larger than the one below."""
    count = sum(makes_layer for _, makes_layer in history)
    root = put_image(store, [[Entry(f"f{n}", b"x" * 20000 * n)] for n in range(count)], coding=coding)
    source = source_of(store, root)
    image = read_image(source, root, None)
    lines = tuple({"created_by": text} | ({} if made else {"empty_layer": True}) for text, made in history)
    config = msgspec.structs.replace(image.config, history=lines)
    return BuiltImage("app", source, Image(image.descriptor, image.manifest, config))


def test_each_layer_is_matched_with_the_instruction_that_made_it(store: Store) -> None:
    facts = facts_of(DOCKERFILE, image=built(store, BUILDKIT))
    image = facts.image
    assert image is not None
    assert image.is_matched
    assert [layer.instruction.keyword if layer.instruction else None for layer in image.layers] == [
        None,
        None,
        "workdir",
        "copy",
        "run",
        "copy",
        "run",
    ]
    assert [layer.position for layer in image.layers_of_base] == [0, 1]
    run = facts.runs[0].instruction
    layer = image.layer_of(run)
    assert layer is not None
    assert (layer.instruction, layer.position) == (run, 4)
    assert layer.created_by.startswith("RUN |1 V=1")
    assert image.layer_of(facts.dockerfile.instructions[0]) is None


@pytest.mark.parametrize("coding", ["tar", "gzip", "zstd"])
def test_a_layer_is_measured_as_it_is_unpacked(store: Store, coding: LayerCoding) -> None:
    image = facts_of(DOCKERFILE, image=built(store, BUILDKIT, coding)).image
    assert image is not None
    tar = tar_of([Entry("f4", b"x" * 80000)])
    layer = image.layers[4]
    assert layer.size_bytes == len(tar)
    assert layer.compressed_bytes == len(compress(tar, coding))
    assert image.size_bytes == sum(layer.size_bytes for layer in image.layers)
    assert image.compressed_bytes == sum(layer.compressed_bytes for layer in image.layers)


def test_an_image_of_something_else_is_not_matched_by_position(store: Store) -> None:
    others = [("RUN /bin/sh -c make # buildkit", True)] * 5
    image = facts_of(DOCKERFILE, image=built(store, others)).image
    assert image is not None
    assert not image.is_matched
    assert image.layers_of_base == ()
    assert [layer.instruction for layer in image.layers] == [None] * 5


def test_a_changed_line_is_passed_over_and_the_others_are_still_matched(store: Store) -> None:
    changed = [(text.replace("echo done", "echo old"), made) for text, made in BUILDKIT]
    facts = facts_of(DOCKERFILE, image=built(store, changed))
    assert facts.image is not None
    assert facts.image.layer_of(facts.runs[1].instruction) is None
    assert facts.image.layer_of(facts.runs[0].instruction) is not None


def test_a_history_that_does_not_tell_its_layers_tells_nothing(store: Store) -> None:
    image = built(store, BUILDKIT)
    config = msgspec.structs.replace(image.image.config, history=image.image.config.history[:-3])
    short = BuiltImage(
        "app",
        source_of(store, image.image.descriptor),
        Image(image.image.descriptor, image.image.manifest, config),
    )
    found = facts_of(DOCKERFILE, image=short).image
    assert found is not None
    assert not found.is_matched
    assert [layer.created_by for layer in found.layers] == [""] * 7


def test_the_same_text_twice_is_matched_from_the_end(store: Store) -> None:
    history = [("RUN /bin/sh -c true # buildkit", True)] * 3
    facts = facts_of("FROM x\nRUN true\nRUN true\n", image=built(store, history))
    assert facts.image is not None
    assert [layer.instruction.index if layer.instruction else None for layer in facts.image.layers] == [
        None,
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("created_by", "key"),
    [
        ("RUN /bin/sh -c pip install x # buildkit", "RUN pip install x"),
        ("RUN /bin/bash -o pipefail -c pip install x # buildkit", "RUN pip install x"),
        ("RUN |2 A=1 B=two words /bin/sh -c pip install x # buildkit", "RUN pip install x"),
        ("/bin/sh -c pip install x", "RUN pip install x"),
        ("|1 A=b /bin/sh -c pip install x", "RUN pip install x"),
        ("/bin/sh -c #(nop) COPY file:" + "a" * 64 + " in /app/ ", "COPY /app/"),
        ("/bin/sh -c #(nop) COPY --chown=1:1dir:" + "a" * 64 + " in /app/ ", "COPY /app/"),
        ("/bin/sh -c #(nop)  WORKDIR /app", "WORKDIR /app"),
        ("COPY --from=build --link /a /b # buildkit", "COPY /a /b"),
        ("/bin/sh -c pip install x|FROM docker.io/library/python:3.12", "RUN pip install x"),
        ("RUN python -m x # buildkit", "RUN python -m x"),
        ("|1 A=b", "RUN |1 A=b"),
        ("", " "),
    ],
)
def test_a_line_of_history_reads_the_same_whoever_wrote_it(created_by: str, key: str) -> None:
    assert history_key(created_by) == key


def test_json_forms_and_heredocs_are_matched_too(store: Store) -> None:
    history = [
        ("RUN pip install x # buildkit", True),
        ("RUN /bin/sh -c set -e pip install y # buildkit", True),
        ("RUN /bin/sh -c python3 <<PY print(1) PY # buildkit", True),
        ("ADD https://h/a.tgz /x/ # buildkit", True),
    ]
    facts = facts_of(
        'FROM x\nRUN ["pip", "install", "x"]\nRUN <<EOF\nset -e\npip install y\nEOF\n'
        "RUN python3 <<PY\nprint(1)\nPY\nADD https://h/a.tgz /x/\n",
        image=built(store, history),
    )
    assert facts.image is not None
    assert [bool(layer.instruction) for layer in facts.image.layers] == [True] * 4


def test_an_image_is_opened_by_its_name_and_the_platform_of_this_machine(
    store: Store, tmp_path: Path
) -> None:
    config = Config(user="app", env=("A=1",))
    ours = put_image(store, [[Entry("x")]], config=config)
    other = put_image(store, [[Entry("y")]], architecture="s390x")
    name_image(store, "app", put_index(store, [other, ours]))
    found = open_built("app", store)
    assert found.image.descriptor.digest == ours.digest
    measured = facts_of("FROM x\n", image=found).image
    assert measured is not None
    assert (measured.user, dict(measured.env), measured.name) == ("app", {"A": "1"}, "app")
    write_layout(tmp_path / "dir", source_of(store, other), other)
    assert open_built(f"oci:{tmp_path}/dir", store).image.config.architecture == "s390x"


def test_an_image_without_a_config_starts_as_nobody_said(store: Store) -> None:
    found = built(store, [("x", True)])
    image = Image(
        found.image.descriptor, found.image.manifest, msgspec.structs.replace(found.image.config, config=None)
    )
    measured = facts_of("FROM x\n", image=BuiltImage("app", source_of(store, image.descriptor), image)).image
    assert measured is not None
    assert (measured.user, measured.env) == ("", {})


def test_a_damaged_layer_is_said_and_an_image_that_is_not_there_too(store: Store) -> None:
    found = built(store, [("x", True)])
    wrong = describe(b"short", media_types.LAYER_GZIP)
    manifest = msgspec.structs.replace(found.image.manifest, layers=(wrong,))
    store.blobs.add_bytes(b"short")
    damaged = BuiltImage(
        "app",
        source_of(store, found.image.descriptor),
        Image(found.image.descriptor, manifest, found.image.config),
    )
    with pytest.raises(InputError):
        damaged.unpacked_bytes(0)
    with pytest.raises(InputError):
        open_built("nope", store)
    assert Digest.of_bytes(b"short") == wrong.digest
