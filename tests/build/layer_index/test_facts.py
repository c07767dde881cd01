"""What is told of a wheel instead of the wheel: nothing is lost, and nothing is believed that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.layers.wheel_maker import WheelMaker
from wherry.build.layer_index.facts import LIMIT_BYTES, pack_facts, unpack_facts
from wherry.layers.model import SCHEMES, OwnedFile, WheelFacts
from wherry.layers.wheel import wheel_facts

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(max_size=20)
IDENTITY = st.one_of(
    st.just(""),
    st.binary(min_size=16, max_size=16).map(lambda digest: f"sha256={digest.hex()}"),
    st.builds("script:{}:{}".format, TEXT, TEXT),
    st.just("sha256=short"),
)
FILE = st.builds(OwnedFile, st.sampled_from(SCHEMES), TEXT, IDENTITY, st.integers(0, 1 << 40), st.booleans())
FACTS = st.builds(
    WheelFacts,
    name=TEXT,
    version=TEXT,
    display_name=TEXT,
    tags=st.lists(TEXT, max_size=3).map(tuple),
    requires=st.lists(TEXT, max_size=3).map(tuple),
    requires_python=TEXT,
    files=st.lists(FILE, max_size=20).map(tuple),
    unpacked_bytes=st.integers(0, 1 << 40),
    license=TEXT,
)


@given(FACTS)
def test_facts_come_out_as_they_went_in(facts: WheelFacts) -> None:
    assert unpack_facts(pack_facts(facts)) == facts


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with them
        unpack_facts(data)


@given(FACTS, st.data())
def test_damaged_facts_are_facts_or_refused(facts: WheelFacts, data: st.DataObject) -> None:
    plain = bytearray(zstandard.ZstdDecompressor().decompress(pack_facts(facts)))
    position = data.draw(st.integers(0, len(plain) - 1))
    plain[position] = data.draw(st.integers(0, 255))
    try:
        found = unpack_facts(zstandard.compress(bytes(plain)))
    except ValueError:
        return
    assert all(file.scheme in SCHEMES and file.size_bytes >= 0 for file in found.files)


def test_a_bomb_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(ValueError, match="too many bytes"):
        unpack_facts(zstandard.compress(bytes(4 * LIMIT_BYTES)))


def test_a_real_wheels_files_take_a_few_bytes_each(tmp_path: Path) -> None:
    files = {f"pkg/module_{number}.py": str(number).encode() for number in range(1000)}
    made = WheelMaker(files).write(tmp_path)
    facts = wheel_facts(made.path, made.filename)
    packed = pack_facts(facts)
    assert unpack_facts(packed) == facts
    assert len(packed) < 25 * len(facts.files)
    assert len(packed) < len(msgspec.json.encode(facts)) / 4
