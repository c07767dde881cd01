from __future__ import annotations

from tests.results import AMD64
from wherry.build.requirements import installed_requirements
from wherry.layers.model import WheelFacts
from wherry.project.target import Target

TARGET = Target(AMD64, (3, 11), "3.11.2", (2, 36))


def wheel(name: str, *requires: str) -> WheelFacts:
    return WheelFacts(name, "1", name, (), requires, "", (), 0)


def needed(*wheels: WheelFacts) -> dict[str, set[str]]:
    found = installed_requirements({one.name: one for one in wheels}, TARGET)
    return {name: set(others) for name, others in found.items()}


def test_names_are_compared_as_indexes_compare_them() -> None:
    assert needed(wheel("a", "Foo_Bar.baz >= 1"), wheel("foo-bar-baz"))["a"] == {"foo-bar-baz"}


def test_what_is_not_installed_or_not_for_the_target_is_not_needed() -> None:
    found = needed(wheel("a", "b; sys_platform == 'win32'", "c; python_version < '3.11'", "gone"), wheel("b"))
    assert found["a"] == set()


def test_an_extra_counts_where_another_wheel_asks_for_it_however_late() -> None:
    wheels = (
        wheel("a", "b; extra == 'fast-io'"),
        wheel("b"),
        wheel("c", "a[fast_io]"),
        wheel("d", "c[more]"),
    )
    assert needed(*wheels)["a"] == {"b"}
    assert needed(*wheels[::-1])["a"] == {"b"}
    assert needed(*wheels[:2])["a"] == set()


def test_a_wheel_that_asks_for_its_own_extra_does_not_depend_on_itself() -> None:
    found = needed(
        wheel("a", "a[one]; extra == 'all'", "b; extra == 'one'"), wheel("b"), wheel("c", "a[all]")
    )
    assert found["a"] == {"b"}


def test_requirements_that_nobody_can_read_are_passed_over() -> None:
    found = needed(
        wheel("a", "b >= banana!", "b; python_version", "b; nonsense == '1'", "c; os_name ~= 'posix'", "b"),
        wheel("b"),
        wheel("c"),
    )
    assert found["a"] == {"b"}


def test_two_that_need_each_other_are_both_told() -> None:
    assert needed(wheel("a", "b[x]"), wheel("b", "a[y]")) == {"a": {"b"}, "b": {"a"}}
