"""An image in wherry.lock: what was seen of it is read back whole, and what was tampered with is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handmade import Entry, put_image
from wherry.bases.image import image_facts
from wherry.bases.image_pins import PinnedImage, PinnedLayer, pin_image
from wherry.bases.model import FoundPackage, FoundPython
from wherry.bases.pins import Pins, PlatformPins, format_pins, parse_pins
from wherry.errors import InputError
from wherry.oci.image import Image, StoreSource, read_image
from wherry.oci.media_types import LAYER_ZSTD

if TYPE_CHECKING:
    from wherry.bases.image_scan import ImageFacts
    from wherry.oci.model import Config
    from wherry.store.store import Store

DIGEST = "sha256:" + "5" * 64
IMAGE = PinnedImage(
    layers=(PinnedLayer(DIGEST, DIGEST, 10), PinnedLayer(DIGEST, DIGEST, 20, LAYER_ZSTD)),
    pythons=(FoundPython("/usr/local/bin/python3.12", "3.12.7"), FoundPython("/usr/bin/python3.11", "")),
    glibc="2.36",
    codename="bookworm",
    user="1000:1000",
    env=("PATH=/usr/local/bin:/usr/bin", 'ODD="\\\n\x7f'),
    history=({"created_by": "RUN x", "empty_layer": True}, {"odd key": 1}),
    installed=(FoundPackage("libc6", "2.36-9", "libc6-2.36"), FoundPackage("tzdata", "1")),
)


def pins(image: PinnedImage) -> Pins:
    return Pins("python:3.12", {"linux/amd64": PlatformPins(DIGEST, image=image)}, digest=DIGEST)


TEXT = format_pins(pins(IMAGE))


def test_what_is_written_is_read_back() -> None:
    assert parse_pins(TEXT.encode(), "wherry.lock") == pins(IMAGE)
    assert "version = 2\n" in TEXT


def test_each_layer_variable_and_package_has_its_line() -> None:
    lines = TEXT.splitlines()
    assert sum(line.startswith("  {") for line in lines) == 2 + 2 + 2 + 2
    assert sum("diff-id" in line for line in lines) == 2
    assert sum("media-type" in line for line in lines) == 1


values = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(
    env=st.lists(values),
    user=values,
    history=st.lists(
        st.dictionaries(values, st.text(max_size=9).filter(str.isprintable) | st.booleans() | st.integers())
    ),
)
def test_any_configuration_is_read_back(
    env: list[str], user: str, history: list[dict[str, str | bool | int]]
) -> None:
    image = msgspec.structs.replace(IMAGE, env=tuple(env), user=user, history=tuple(history))
    assert parse_pins(format_pins(pins(image)).encode(), "wherry.lock") == pins(image)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 2", "version = 3"),
        ('digest = "sha256:', 'digest = "sha512:'),
        ('{ digest = "sha256:5', '{ digest = "sha256:x'),
        ('diff-id = "sha256:5', 'diff-id = "x'),
        ("size-bytes = 10", "size-bytes = -1"),
        ("size-bytes = 10", "size-bytes = 9999999999999"),
        ("tar+zstd", "tar+lzma"),
        ("/usr/local/bin/python3.12", "/usr/../bin/python3.12"),
        ("/usr/local/bin/python3.12", "usr/bin/python3.12"),
        ("/usr/local/bin/python3.12", "/bin/sh"),
        ("3.12.7", "3.13.7"),
        ("3.12.7", "3.12"),
        ('glibc = "2.36"', 'glibc = "two"'),
        ('codename = "bookworm"', 'codename = "a\\u0000b"'),
        ('name = "libc6"', 'name = "../libc6"'),
        ('version = "2.36-9"', 'version = "2 36"'),
        ('provides = "libc6-2.36"', 'provides = "a\\nb"'),
        ("[platforms.", "[platform."),
        ("glibc =", "glibb ="),
        ('"PATH=', '"\\u0000PATH='),
    ],
)
def test_an_image_that_was_tampered_with_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError) as caught:
        parse_pins(TEXT.replace(old, new, 1).encode(), "wherry.lock")
    assert "wherry lock --upgrade base" in caught.value.mend
    assert len(caught.value.lines()) == 3


def test_an_image_without_layers_is_none() -> None:
    with pytest.raises(InputError, match="damaged"):
        parse_pins(format_pins(pins(PinnedImage(()))).encode(), "wherry.lock")


def read(store: Store, *entries: Entry, config: Config | None = None) -> tuple[Image, ImageFacts]:
    root = put_image(store, [entries], config=config, architecture="amd64")
    source = StoreSource(store, root)
    image = read_image(source, root, None)
    return image, image_facts(source, image, store)


def test_of_odd_things_in_an_image_only_what_a_lock_can_say_is_pinned(store: Store) -> None:
    status = b"Package: good\nVersion: 1\n\nPackage: ../bad\nVersion: 1\n\nPackage: odd\nVersion: 1 2\n"
    image, facts = read(
        store,
        Entry("var/lib/dpkg/status", status),
        Entry("etc/os-release", "VERSION_CODENAME=böse\n".encode()),
        Entry("odd dir/bin/python3.12", b"\x003.12.1\0"),
        Entry("usr/bin/python3.12", b"\x003.12.1\0"),
    )
    pinned = pin_image(image, facts)
    assert pinned.installed == (FoundPackage("good", "1"),)
    assert pinned.codename == ""
    assert pinned.pythons == (FoundPython("/usr/bin/python3.12", "3.12.1"),)
    assert parse_pins(format_pins(pins(pinned)).encode(), "wherry.lock") == pins(pinned)


@pytest.mark.parametrize("line", [{"deep": {"er": 1}}, {"none": None}, {"long": "x" * (1 << 18)}])
def test_a_history_that_is_no_history_is_left_out(store: Store, line: dict[str, object]) -> None:
    image, facts = read(store)
    config = msgspec.structs.replace(image.config, history=({"created_by": "x"}, line))
    odd = Image(image.descriptor, image.manifest, config)
    assert pin_image(odd, facts).history == ()


def test_an_image_without_a_configuration_is_pinned(store: Store) -> None:
    image, facts = read(store)
    bare = Image(image.descriptor, image.manifest, msgspec.structs.replace(image.config, config=None))
    assert (pin_image(bare, facts).env, pin_image(bare, facts).user) == ((), "")
