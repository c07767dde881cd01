from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from wherry.digest import Digest
from wherry.store.attached import Attached
from wherry.store.prune import prune
from wherry.store.tags import Tag

if TYPE_CHECKING:
    from wherry.store.store import Store

IMAGE = b'{"schemaVersion":2}'


class Record(msgspec.Struct):
    digest: str
    artifacts: dict[str, str]


@pytest.fixture
def image(store: Store) -> Digest:
    return store.blobs.add_bytes(IMAGE)


def test_an_attachment_takes_the_place_of_that_of_its_type(store: Store, image: Digest) -> None:
    one, two, three = (Digest.of_bytes(name) for name in (b"1", b"2", b"3"))
    attached = Attached(store)
    attached.put(image, {"b": one, "a": two})
    attached.put(image, {"b": three})
    assert list(attached.of(image).items()) == [("a", two), ("b", three)]
    assert attached.of(one) == {}


def test_a_named_image_keeps_what_is_attached_and_all_that_belongs_to_it(store: Store, image: Digest) -> None:
    payload = store.blobs.add_bytes(b"a document")
    artifact = store.blobs.add_bytes(b'{"layers":[{"digest":"%b"}]}' % payload.encode())
    Attached(store).put(image, {"a": artifact})
    store.tags.put("app:latest", Tag(str(image), len(IMAGE), "", 0))
    prune(store, keep_bytes=0)
    assert artifact in store.blobs
    assert payload in store.blobs


def test_an_entry_that_is_none_counts_as_nothing_attached(store: Store, image: Digest) -> None:
    store.index.put("attached", str(image), Record(str(image), {"a": "../../etc/passwd"}))
    assert Attached(store).of(image) == {}
