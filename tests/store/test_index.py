from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.digest import Digest
from wherry.store import index as index_module
from wherry.store.index import Index

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.store.store import Store


class Fact(msgspec.Struct, frozen=True):
    name: str
    size_bytes: int


class OtherFact(msgspec.Struct, frozen=True):
    colour: str


class Odd(msgspec.Struct):
    thing: object


FACT = Fact("numpy", 7)


def only_file(store: Store) -> Path:
    [(_, file)] = store.index.files()
    return file


def test_a_value_comes_back_as_it_was_put(store: Store) -> None:
    store.index.put("wheels", "key", FACT)
    assert store.index.get("wheels", "key", Fact) == FACT


def test_a_digest_in_a_field_of_text_is_its_text(store: Store) -> None:
    store.index.put("layers", "key", OtherFact(Digest.of_bytes(b"x")))
    assert store.index.get("layers", "key", OtherFact) == OtherFact(str(Digest.of_bytes(b"x")))


def test_what_json_cannot_say_is_a_mistake(store: Store) -> None:
    with pytest.raises(NotImplementedError, match="not JSON: object"):
        store.index.put("layers", "key", Odd(object()))


def test_a_value_is_replaced(store: Store) -> None:
    store.index.put("wheels", "key", FACT)
    store.index.put("wheels", "key", Fact("numpy", 8))
    assert store.index.get("wheels", "key", Fact) == Fact("numpy", 8)


def test_kinds_and_keys_keep_apart(store: Store) -> None:
    store.index.put("wheels", "key", FACT)
    assert store.index.get("layers", "key", Fact) is None
    assert store.index.get("wheels", "other", Fact) is None


@given(key=st.text())
def test_any_text_is_a_key(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    index = Index(tmp_path_factory.getbasetemp() / "any-key")
    index.put("wheels", key, FACT)
    assert index.get("wheels", key, Fact) == FACT


@pytest.mark.parametrize("kind", ["", "..", "a/b", "Wheels", ".hidden", "x" * 65, "a\n"])
def test_a_kind_that_is_no_safe_name_is_a_mistake(store: Store, kind: str) -> None:
    with pytest.raises(ValueError, match="not a kind"):
        store.index.get(kind, "key", Fact)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"version":2,"key":"key","value":{"name":"numpy","size_bytes":7}}',
        b'{"version":1,"key":"another","value":{"name":"numpy","size_bytes":7}}',
        b'{"version":1,"key":"key","value":{"name":"numpy"}}',
        b'{"version":1,"key":"key","value":nonsense}',
    ],
)
def test_a_value_that_cannot_be_read_is_absent_and_can_be_put_again(store: Store, data: bytes) -> None:
    store.index.put("wheels", "key", FACT)
    only_file(store).write_bytes(data)
    assert store.index.get("wheels", "key", Fact) is None
    store.index.put("wheels", "key", FACT)
    assert store.index.get("wheels", "key", Fact) == FACT


def test_a_value_that_is_forgotten_is_absent(store: Store) -> None:
    store.index.put("wheels", "key", FACT)
    store.index.put("wheels", "another", FACT)
    store.index.forget("wheels", "key")
    store.index.forget("wheels", "key")
    assert store.index.get("wheels", "key", Fact) is None
    assert store.index.get("wheels", "another", Fact) == FACT


def test_a_value_of_another_shape_is_absent(store: Store) -> None:
    store.index.put("wheels", "key", FACT)
    assert store.index.get("wheels", "key", OtherFact) is None


def test_a_value_too_large_to_be_ours_is_absent(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.index.put("wheels", "key", FACT)
    monkeypatch.setattr(index_module, "_LIMIT_BYTES", 10)
    assert store.index.get("wheels", "key", Fact) is None


def test_a_value_used_after_a_day_is_young_again(store: Store) -> None:
    store.index.put("wheels", "key", FACT)
    os.utime(only_file(store), (0, 0))
    assert store.index.get("wheels", "key", Fact) == FACT
    assert only_file(store).stat().st_mtime > 0


def test_the_index_travels_to_another_process_as_its_root(store: Store) -> None:
    store.index.put("wheels", "key", FACT)
    assert pickle.loads(pickle.dumps(store.index)).get("wheels", "key", Fact) == FACT  # noqa: S301 - our own bytes
