"""Which wheels share a layer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wherry.digest import Digest
from wherry.plan.grouping import group_wheels
from wherry.plan.model import Distribution, Origin
from wherry.project.locks.model import LockedFile

MB = 1 << 20


def wheel(name: str, size_bytes: int | None) -> Distribution:
    file = LockedFile(f"{name}-1-py3-none-any.whl", Digest.of_bytes(name.encode()), size_bytes=size_bytes)
    return Distribution(name, "1", Origin.INDEX, file)


def names(groups: object) -> list[list[str]]:
    assert isinstance(groups, list)
    return [[d.name for d in group.distributions] for group in groups]


def test_a_large_wheel_has_a_layer_to_itself_and_small_ones_share_the_last() -> None:
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
