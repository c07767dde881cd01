"""A blob that is streamed: whatever the connection does, the bytes come in order, or an error does."""

from __future__ import annotations

import io
import os
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fetch.conftest import (
    HASTE,
    World,
    cutting_off,
    in_turn,
    serving,
    start_world,  # noqa: F401 - a fixture
    status,
)
from tests.oci.registry.hub import Hub
from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.fetch.failures import CancelledError, NotFoundError
from wherry.oci.registry.blob_reader import open_blob
from wherry.oci.registry.client import Registries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fetch.conftest import Handler

DATA = random.Random(3).randbytes(3_000_000)  # noqa: S311 - no secret


@pytest.fixture
def hub(start_world: Callable[[], World]) -> Hub:  # noqa: F811 - the fixture imported above
    return Hub(start_world())


@pytest.fixture
def registries(hub: Hub) -> Iterator[Registries]:
    with Registries(patience=HASTE, plain_http={hub.host}) as registries:
        yield registries


def reader(hub: Hub, registries: Registries, count: list[int] | None = None) -> io.BufferedReader:
    counted = [] if count is None else count
    return open_blob(registries.at(hub.host), "team/app", Digest.of_bytes(DATA), counted.append)


def test_a_blob_is_read_from_beginning_to_end_by_one_request(hub: Hub, registries: Registries) -> None:
    hub.blob(DATA)
    count: list[int] = []
    with reader(hub, registries, count) as stream:
        assert hub.world.requests == []
        assert stream.read(7) == DATA[:7]
        assert stream.tell() == 7
        assert stream.read() == DATA[7:]
        assert stream.read(1) == b""
    assert hub.world.asked("Range") == [None]
    assert sum(count) == len(DATA)


def test_a_blob_is_read_from_any_place_without_what_lies_before(hub: Hub, registries: Registries) -> None:
    hub.blob(DATA)
    count: list[int] = []
    with reader(hub, registries, count) as stream:
        stream.seek(2_900_000)
        stream.seek(50_000, os.SEEK_CUR)
        assert stream.tell() == 2_950_000
        assert stream.read() == DATA[2_950_000:]
        stream.seek(0)
        assert stream.read(3) == DATA[:3]
        with pytest.raises(io.UnsupportedOperation):
            stream.seek(-1, os.SEEK_END)
    assert hub.world.asked("Range") == ["bytes=2950000-", None]


def test_the_blob_of_no_bytes_is_read(hub: Hub, registries: Registries) -> None:
    hub.blob(b"")
    with open_blob(registries.at(hub.host), "team/app", Digest.of_bytes(b"")) as stream:
        assert stream.read() == b""


def test_a_broken_connection_is_gone_on_with_where_it_broke(hub: Hub, registries: Registries) -> None:
    hub.blob(DATA, in_turn(cutting_off(serving(DATA), 1_000_000), status(503), serving(DATA)))
    count: list[int] = []
    with reader(hub, registries, count) as stream:
        assert stream.read() == DATA
    assert hub.world.asked("Range") == [None, "bytes=1000000-", "bytes=1000000-"]
    assert sum(count) == len(DATA)


def test_a_registry_that_ignores_ranges_sends_all_again(hub: Hub, registries: Registries) -> None:
    hub.blob(DATA, in_turn(cutting_off(serving(DATA), 1_000_000), serving(DATA, ranges=False)))
    count: list[int] = []
    with reader(hub, registries, count) as stream:
        assert stream.read() == DATA
    assert sum(count) == len(DATA) + 1_000_000


@pytest.mark.parametrize("told", ["bytes 0-9/3000000", "bytes 1000001-9/3000000", "pages 1-2/3", None])
def test_another_part_than_was_asked_for_is_not_taken(
    hub: Hub, registries: Registries, told: str | None
) -> None:
    def other_part(handler: Handler) -> None:
        headers = {"Content_Range": told} if told else {}
        handler.answer(206, DATA[:10], **headers)

    hub.blob(DATA, in_turn(cutting_off(serving(DATA), 1_000_000), other_part, serving(DATA)))
    with reader(hub, registries) as stream:
        assert stream.read() == DATA
    hub.blob(DATA, in_turn(cutting_off(serving(DATA), 1_000_000), other_part))
    with reader(hub, registries) as stream, pytest.raises(WorldError, match="another part"):
        stream.read()


def test_a_connection_that_always_breaks_at_once_is_given_up(hub: Hub, registries: Registries) -> None:
    hub.blob(DATA, cutting_off(serving(DATA), 0))
    with reader(hub, registries) as stream, pytest.raises(WorldError, match=r"before the end|broke off"):
        stream.read()
    assert len(hub.world.requests) == HASTE.attempts


def test_a_registry_that_sends_a_byte_at_a_time_is_given_up(hub: Hub, registries: Registries) -> None:
    hub.blob(DATA, cutting_off(serving(DATA), 1))
    with reader(hub, registries) as stream, pytest.raises(WorldError, match=r"before the end|broke off"):
        stream.read()
    assert len(hub.world.requests) == HASTE.attempts


def test_a_registry_that_breaks_off_after_every_megabyte_gets_there(hub: Hub, registries: Registries) -> None:
    data = DATA * 4
    hub.blob(data, cutting_off(serving(data), 1 << 20))
    with open_blob(registries.at(hub.host), "team/app", Digest.of_bytes(data)) as stream:
        assert Digest.of_bytes(stream.read()) == Digest.of_bytes(data)
    assert len(hub.world.requests) == 12


def test_a_blob_that_is_not_there_is_not_asked_for_twice(hub: Hub, registries: Registries) -> None:
    with reader(hub, registries) as stream, pytest.raises(NotFoundError):
        stream.read()
    assert len(hub.world.requests) == 1


def test_what_was_cancelled_is_read_no_further(hub: Hub, registries: Registries) -> None:
    hub.blob(DATA)
    with reader(hub, registries) as stream:
        registries.at(hub.host).cancel()
        with pytest.raises(CancelledError):
            stream.read()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    cuts=st.lists(st.tuples(st.integers(1, 400_000), st.booleans()), max_size=2),
    start=st.integers(0, 500_000),
    sizes=st.lists(st.integers(1, 300_000), min_size=1, max_size=5),
)
def test_whatever_breaks_what_is_read_is_the_blob(
    hub: Hub, registries: Registries, cuts: list[tuple[int, bool]], start: int, sizes: list[int]
) -> None:
    data = DATA[:600_000]
    broken = [cutting_off(serving(data, ranges=ranges), after) for after, ranges in cuts]
    hub.blob(data, in_turn(*broken, serving(data)))
    with open_blob(registries.at(hub.host), "team/app", Digest.of_bytes(data)) as stream:
        stream.seek(start)
        found = b"".join(stream.read(size) for size in sizes)
        assert found + stream.read() == data[start:]
