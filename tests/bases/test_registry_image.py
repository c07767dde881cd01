"""An image in a registry as a base: its name as everybody writes it, its facts from one look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.bases.model import ImageLayer
from wherry.bases.registry_image import base_reference, full_name, note_origins
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.media_types import LAYER_GZIP
from wherry.oci.origins import Origin, Origins

if TYPE_CHECKING:
    from wherry.store.store import Store

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.12-slim", "docker.io/library/python:3.12-slim"),
        ("nvidia/cuda:12.8.1-base-ubuntu24.04", "docker.io/nvidia/cuda:12.8.1-base-ubuntu24.04"),
        ("docker.io/python:3.12", "docker.io/library/python:3.12"),
        ("index.docker.io/library/python:3.12", "docker.io/library/python:3.12"),
        ("docker://python:3.12", "docker.io/library/python:3.12"),
        ("registry.example/python:3.12", "registry.example/python:3.12"),
        ("docker://registry.example:5000/team/python", "registry.example:5000/team/python:latest"),
        ("localhost/python:1", "localhost/python:1"),
        ("[::1]:5000/python:1", "[::1]:5000/python:1"),
        (f"python@{DIGEST}", f"docker.io/library/python@{DIGEST}"),
        (f"registry.example/python:3.12@{DIGEST}", "registry.example/python:3.12"),
    ],
)
def test_a_base_is_named_as_after_from(name: str, means: str) -> None:
    reference = base_reference(name)
    assert full_name(reference) == means
    assert base_reference(str(reference)) == reference
    assert reference.digest == (DIGEST if DIGEST in name else None)


@pytest.mark.parametrize(
    "name",
    ["", ":", "Python:3.12", "python:", "python:3 12", "a//b", "registry.example/", "../x", "x@sha256:1"],
)
def test_what_names_no_image_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        base_reference(name)


@pytest.mark.parametrize("name", ["captain:planted@registry.example/x", "docker://u:planted@h.example/x:1"])
def test_a_password_in_a_name_is_not_repeated(name: str) -> None:
    with pytest.raises(InputError) as caught:
        base_reference(name)
    assert "planted" not in "".join(caught.value.lines())
    assert "wherry login" in caught.value.mend


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_an_error(text: str) -> None:
    try:
        reference = base_reference(text)
    except InputError:
        return
    assert base_reference(f"docker://{full_name(reference)}").repository == reference.repository


def test_where_a_pinned_layer_is_is_remembered(store: Store) -> None:
    layer = ImageLayer(Digest(DIGEST), Digest(DIGEST), 1, LAYER_GZIP, None)
    note_origins(base_reference("python:3.12"), [layer], store)
    assert Origins(store).of(Digest(DIGEST)) == (Origin("docker.io", "library/python"),)
