from __future__ import annotations

from wherry.layers.prefetch import prefetch_below, prefetch_key, prefetch_outside, wanted_first

PATHS = ("opt/venv/a", "usr/b", "app/c", "opt/venv2/d")


def test_what_is_wanted_comes_in_its_own_order_and_the_rest_as_it_was() -> None:
    items = {path: path.upper() for path in ("d", "d/a", "d/b", "e", "f")}
    assert wanted_first(items, ["d/b", "absent", "f", "d/b"]) == (["D", "D/B", "F"], ["D/A", "E"])
    assert wanted_first(items, []) == ([], list(items.values()))


def test_a_list_is_divided_by_the_layers_directories() -> None:
    assert prefetch_below(PATHS, "/opt/venv") == ("opt/venv/a",)
    assert prefetch_outside(PATHS, "/opt/venv", "/app") == ("usr/b", "opt/venv2/d")


def test_keys_are_those_of_before_where_nothing_is_wanted_first() -> None:
    assert prefetch_key(()) == ()
    assert len({prefetch_key(PATHS), prefetch_key(PATHS[::-1]), prefetch_key(PATHS[:1])}) == 3
