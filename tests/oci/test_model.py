from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci import media_types
from wherry.oci.model import (
    MAX_DOCUMENT_BYTES,
    Config,
    Descriptor,
    History,
    ImageConfig,
    Index,
    Manifest,
    PlatformSpec,
    RootFS,
    decode_config,
    decode_index,
    decode_manifest,
    decode_manifest_or_index,
    describe,
    encode,
    index_of,
    manifest_of,
)

SOME = Digest.of_bytes(b"some")
names = st.text(min_size=1, max_size=8)
descriptors = st.builds(
    Descriptor,
    media_type=names,
    digest=st.binary(max_size=4).map(Digest.of_bytes),
    size_bytes=st.integers(0, 2**62),
    annotations=st.dictionaries(names, names, max_size=3),
    platform=st.none() | st.builds(PlatformSpec, architecture=names, os=names, variant=names),
)
manifests = st.builds(manifest_of, descriptors, st.lists(descriptors, max_size=3).map(tuple))
strings = st.lists(names, max_size=3).map(tuple)
configs = st.builds(
    ImageConfig,
    architecture=names,
    os=names,
    rootfs=st.builds(RootFS.of, st.lists(st.binary(max_size=4).map(Digest.of_bytes), max_size=3).map(tuple)),
    config=st.none() | st.builds(Config, user=names, env=st.none() | strings, entrypoint=st.none() | strings),
    history=st.lists(st.dictionaries(names, names | st.booleans(), max_size=2), max_size=3).map(tuple),
)


@given(manifests)
def test_a_manifest_reads_back_as_it_was_written(manifest: Manifest) -> None:
    assert decode_manifest(encode(manifest), "here") == manifest


@given(configs)
def test_a_config_reads_back_as_it_was_written_with_its_history_untouched(config: ImageConfig) -> None:
    assert decode_config(encode(config), "here") == config


@given(st.lists(descriptors, max_size=3))
def test_an_index_reads_back_as_it_was_written(found: list[Descriptor]) -> None:
    index = index_of(tuple(found))
    assert decode_manifest_or_index(encode(index), "here") == index


@given(manifests)
def test_what_is_written_is_canonical_json(manifest: Manifest) -> None:
    data = encode(manifest)
    again = json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert data == again.encode()


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_is_no_image_document_is_refused_with_an_explanation(data: bytes) -> None:
    for decode in (decode_manifest, decode_index, decode_config, decode_manifest_or_index):
        with pytest.raises(InputError):
            decode(data, "here")


def _manifest_json(**changes: object) -> bytes:
    plain = json.loads(encode(manifest_of(describe(b"{}", media_types.CONFIG), ())))
    return json.dumps(plain | changes).encode()


def test_an_error_names_the_place_in_the_document() -> None:
    layer = {"mediaType": "x", "digest": "md5:1", "size": 1}
    with pytest.raises(InputError) as caught:
        decode_manifest(_manifest_json(layers=[layer]), "the file")
    assert "md5:1" in caught.value.what
    assert caught.value.where == "the file: $.layers[0].digest"


@pytest.mark.parametrize(
    "changes",
    [
        {"schemaVersion": 1},
        {"mediaType": "application/json"},
        {"manifests": []},  # both kinds at once: CVE-2021-41190
        {"layers": None},
        {"config": {"mediaType": "x", "digest": str(SOME), "size": -1}},
        {"config": {"mediaType": "x", "digest": 7, "size": 1}},
    ],
)
def test_a_manifest_that_could_mean_two_things_or_nothing_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError):
        decode_manifest(_manifest_json(**changes), "here")


def test_unknown_fields_are_no_error() -> None:
    assert decode_manifest(_manifest_json(future={"deep": [1]}), "here").schema_version == 2


def test_duplicate_keys_are_refused_even_where_nobody_looks() -> None:
    data = _manifest_json()[:-1] + b',"x":{"a":1,"a":2}}'
    with pytest.raises(InputError, match="duplicate key 'a'"):
        decode_manifest(data, "here")


def test_a_document_over_four_megabytes_is_not_even_parsed() -> None:
    with pytest.raises(InputError, match="larger than"):
        decode_manifest(b"[" * (MAX_DOCUMENT_BYTES + 1), "here")


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused(opening: bytes) -> None:
    data = _manifest_json()[:-1] + b',"x":' + opening * 200_000
    with pytest.raises(InputError, match=r"deeply|not a valid"):
        decode_manifest(data, "here")


def test_a_config_of_docker_keeps_what_only_docker_knows() -> None:
    rootfs = {"type": "layers", "diff_ids": []}
    settings = {"Healthcheck": {"Test": ["CMD", "true"]}, "Cmd": None, "ArgsEscaped": True}
    data = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs, "config": settings})
    found = decode_config(data.encode(), "here")
    assert found.config is not None
    assert found.config.healthcheck == {"Test": ["CMD", "true"]}
    assert json.loads(encode(found.config))["ArgsEscaped"] is True


def test_a_config_says_its_platform_and_environment() -> None:
    config = ImageConfig(architecture="arm64", os="linux", variant="v8", rootfs=RootFS.of(()))
    assert config.platform == PlatformSpec(architecture="arm64", os="linux", variant="v8")
    assert Config(env=("A=1", "B=x=y", "A=2")).environment == {"A": "2", "B": "x=y"}


def test_a_history_line_leaves_out_what_it_does_not_say() -> None:
    assert History(created_by="wherry").entry() == {"created_by": "wherry"}


def test_an_index_is_not_taken_for_a_manifest() -> None:
    with pytest.raises(InputError):
        decode_manifest(encode(index_of(())), "here")
    assert isinstance(decode_manifest_or_index(_manifest_json(), "here"), Manifest)
    assert isinstance(decode_manifest_or_index(encode(index_of(())), "here"), Index)


def test_dockers_names_and_ocis_are_for_the_same_bytes() -> None:
    assert media_types.oci_name(media_types.DOCKER_LAYER_GZIP) == media_types.LAYER_GZIP
    assert media_types.oci_name("x/y") == "x/y"
    assert media_types.layer_coding(media_types.DOCKER_LAYER_GZIP) == "gzip"
    assert media_types.layer_coding(media_types.CONFIG) is None
    assert media_types.layer_media_type("zstd") == media_types.LAYER_ZSTD
