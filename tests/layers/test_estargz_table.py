"""Which paths of a finished layer stand first is read from its table, and a damaged one has none."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.layers.test_codec import Sink
from wherry.layers.estargz import EstargzWriter
from wherry.layers.estargz_table import first_paths


def layer(first: list[str], others: list[str]) -> bytes:
    sink = Sink()
    writer = EstargzWriter(sink)
    writer.directory("opt")
    for path in first:
        writer.file(path, path.encode())
    writer.landmark(prefetch=bool(first))
    for path in others:
        writer.file(path, path.encode())
    writer.end()
    return bytes(sink.data)


def test_what_stands_before_the_landmark_is_first() -> None:
    assert first_paths(io.BytesIO(layer(["opt/a", "opt/é"], ["opt/b"]))) == {"opt", "opt/a", "opt/é"}
    assert first_paths(io.BytesIO(layer([], ["opt/b"]))) == frozenset()


def test_a_table_of_many_members_is_read_whole() -> None:
    others = [f"opt/{number:06}" for number in range(20_000)]
    assert "opt/a" in first_paths(io.BytesIO(layer(["opt/a"], others)))


@pytest.mark.parametrize("damaged", [b"", bytes(60), b"\x1f\x8b", layer(["opt/a"], [])[:-60]])
def test_what_is_no_such_layer_has_nothing_first(damaged: bytes) -> None:
    assert first_paths(io.BytesIO(damaged)) == frozenset()


@given(st.data())
def test_a_layer_that_somebody_else_spoilt_is_no_crash(data: st.DataObject) -> None:
    blob = bytearray(layer(["opt/a"], ["opt/b"]))
    for _ in range(data.draw(st.integers(1, 5))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(first_paths(io.BytesIO(blob)), frozenset)
