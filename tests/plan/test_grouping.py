"""Which wheels share a layer."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.digest import Digest
from wherry.plan.grouping import group_wheels
from wherry.plan.model import Distribution, Origin
from wherry.project.locks.model import LockedFile

KB = 1 << 10
MB = 1 << 20
UNLIMITED = 1000

NAMES = st.from_regex(r"[a-f]{1,2}(-[a-f])?", fullmatch=True)
SMALL_SIZES = st.dictionaries(NAMES, st.integers(0, MB - 1), min_size=1, max_size=40)
FLASK = {
    "blinker": 9 * KB,
    "click": 123 * KB,
    "flask": 101 * KB,
    "gunicorn": 84 * KB,
    "itsdangerous": 16 * KB,
    "jinja2": 132 * KB,
    "markupsafe": 22 * KB,
    "werkzeug": 220 * KB,
}


def wheel(name: str, size_bytes: int | None, version: str = "1") -> Distribution:
    filename = f"{name}-{version}-py3-none-any.whl"
    file = LockedFile(filename, Digest.of_bytes(filename.encode()), size_bytes=size_bytes)
    return Distribution(name, version, Origin.INDEX, file)


def names(groups: object) -> list[list[str]]:
    assert isinstance(groups, list)
    return [[d.name for d in group.distributions] for group in groups]


def shared(sizes: dict[str, int], max_groups: int = UNLIMITED) -> list[frozenset[str]]:
    """The names in each group of wheels that are all under a limit of 1 MiB."""
    wheels = [wheel(name, size) for name, size in sizes.items()]
    return [group.names for group in group_wheels(wheels, own_layer_bytes=MB, max_groups=max_groups)]


def of(name: str, groups: list[frozenset[str]]) -> frozenset[str]:
    return next(group for group in groups if name in group)


def test_a_large_wheel_has_a_layer_to_itself_and_few_small_ones_share_the_last() -> None:
    wheels = [wheel("idna", 1), wheel("torch", 500 * MB), wheel("numpy", 16 * MB), wheel("certifi", 2)]
    groups = group_wheels(wheels, own_layer_bytes=8 * MB, max_groups=30)
    assert names(groups) == [["torch"], ["numpy"], ["certifi", "idna"]]


def test_a_wheel_of_unknown_size_counts_as_small() -> None:
    assert names(group_wheels([wheel("a", None)], own_layer_bytes=1, max_groups=5)) == [["a"]]


def test_too_many_layers_join_a_family_before_strangers() -> None:
    wheels = [
        wheel("torch", 500 * MB),
        wheel("nvidia-nccl", 300 * MB),
        wheel("nvidia-cudnn", 400 * MB),
        wheel("scipy", 30 * MB),
        wheel("pandas", 10 * MB),
    ]
    groups = group_wheels(wheels, own_layer_bytes=8 * MB, max_groups=4)
    assert names(groups) == [["nvidia-cudnn", "nvidia-nccl"], ["torch"], ["scipy"], ["pandas"]]


def test_without_families_the_smallest_are_joined() -> None:
    wheels = [wheel("a", 50 * MB), wheel("b", 10 * MB), wheel("c", 20 * MB)]
    assert names(group_wheels(wheels, own_layer_bytes=MB, max_groups=2)) == [["a"], ["b", "c"]]


@given(
    sizes=st.dictionaries(
        st.from_regex(r"[a-d](-[a-d])?", fullmatch=True), st.integers(0, 40 * MB), min_size=1, max_size=20
    ),
    limit=st.integers(1, 20),
    shuffle=st.randoms(use_true_random=False),
)
def test_every_wheel_is_in_exactly_one_layer_whatever_the_order(
    sizes: dict[str, int], limit: int, shuffle: object
) -> None:
    wheels = [wheel(name, size) for name, size in sizes.items()]
    groups = group_wheels(wheels, own_layer_bytes=8 * MB, max_groups=limit)
    again = list(wheels)
    shuffle.shuffle(again)  # type: ignore[attr-defined]
    assert groups == group_wheels(again, own_layer_bytes=8 * MB, max_groups=limit)
    assert sorted(name for group in names(groups) for name in group) == sorted(sizes)
    small = any(size < 8 * MB for size in sizes.values())
    assert len(groups) <= max(limit, 1 + small)


def test_the_few_small_wheels_of_a_small_project_share_one_layer() -> None:
    assert shared(FLASK) == [frozenset(FLASK)]


def test_small_wheels_of_many_bytes_are_divided_into_groups_of_a_megabyte_or_so() -> None:
    groups = shared({f"package{number}": 200 * KB for number in range(100)})
    assert 13 < len(groups) < 27  # of 20 MB
    assert all(len(group) * 200 * KB <= 1.5 * MB for group in groups)


def test_the_groups_of_a_lock_are_these_on_every_machine() -> None:
    groups = shared({f"{letter}-lib": 500 * KB for letter in "abcdefgh"})
    assert ["".join(sorted(name[0] for name in group)) for group in groups] == ["d", "cf", "be", "agh"]


def test_a_family_stays_together_for_it_is_released_together() -> None:
    family = {f"opentelemetry-{part}": 50 * KB for part in ("api", "sdk", "proto", "exporter-otlp", "asgi")}
    groups = shared(family | {f"package{number}": 300 * KB for number in range(30)})
    assert len(groups) > 5
    assert of("opentelemetry-api", groups) >= family.keys()


@given(SMALL_SIZES, st.integers(1, 12), st.data())
def test_another_version_changes_its_own_group_alone(
    sizes: dict[str, int], limit: int, data: st.DataObject
) -> None:
    bumped = data.draw(st.sampled_from(sorted(sizes)))
    groups = [
        group_wheels(
            [wheel(name, size, version if name == bumped else "1") for name, size in sizes.items()],
            own_layer_bytes=MB,
            max_groups=limit,
        )
        for version in ("1", "2")
    ]
    changed = [before for before, after in zip(*groups, strict=True) if before != after]
    assert [bumped in group.names for group in changed] == [True]


@given(SMALL_SIZES, st.integers(0, MB - 1), st.data())
def test_another_size_changes_its_own_group_alone_which_may_split_or_take_in_its_neighbours(
    sizes: dict[str, int], size: int, data: st.DataObject
) -> None:
    bumped = data.draw(st.sampled_from(sorted(sizes)))
    before, after = shared(sizes), shared(sizes | {bumped: size})
    touched = of(bumped, before if size >= sizes[bumped] else after)
    assert {group for group in before if group.isdisjoint(touched)} == {
        group for group in after if group.isdisjoint(touched)
    }


@given(SMALL_SIZES, NAMES, st.integers(0, MB - 1))
def test_one_more_wheel_changes_or_splits_one_group_and_one_less_undoes_it(
    sizes: dict[str, int], added: str, size: int
) -> None:
    sizes.pop(added, None)
    before, after = shared(sizes), shared(sizes | {added: size})
    gone = [group for group in before if group not in after]
    new = [group for group in after if group not in before]
    assert len(gone) <= 1
    assert frozenset().union(*new) == frozenset().union(*gone) | {added}


@given(SMALL_SIZES)
def test_a_group_is_divided_only_where_it_is_too_large(sizes: dict[str, int]) -> None:
    groups = shared(sizes)
    held = [sum(sizes[name] for name in group) for group in groups]
    assert all(total <= 1.5 * MB for total in held)
    if len(groups) > 1:
        assert any(first + second > 1.5 * MB for first, second in pairwise(held))


@given(SMALL_SIZES, st.integers(1, 12), st.data())
def test_a_bump_leaves_the_order_of_the_layers_as_it_is(
    sizes: dict[str, int], limit: int, data: st.DataObject
) -> None:
    bumped = data.draw(st.sampled_from(sorted(sizes)))
    before = shared(sizes, limit)
    after = shared(sizes | {bumped: data.draw(st.integers(0, MB - 1))}, limit)
    assert [group for group in before if group in after] == [group for group in after if group in before]


@pytest.mark.parametrize("limit", [2, 3, 5, 8])
def test_small_wheels_are_divided_no_further_than_there_is_room(limit: int) -> None:
    groups = shared({f"package{number}": 200 * KB for number in range(100)}, limit)
    assert len(groups) == limit


def test_the_large_ones_have_room_before_the_small_ones_are_divided() -> None:
    small = [wheel(f"package{number}", 500 * KB) for number in range(40)]
    large = [wheel(f"large{number}", (9 - number) * MB) for number in range(4)]
    for limit, singles, shares in ((10, 4, 6), (5, 4, 1), (3, 2, 1)):
        groups = group_wheels([*small, *large], own_layer_bytes=MB, max_groups=limit)
        kinds = [any(name.startswith("large") for name in group.names) for group in groups]
        assert kinds == [True] * singles + [False] * shares
