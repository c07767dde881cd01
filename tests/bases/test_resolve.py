"""The closure of some packages is complete, small, and the same every time."""

from __future__ import annotations

import pytest

from tests.bases.test_packages import index, paragraph
from wherry.bases.packages import Relation
from wherry.bases.resolve import EXCLUDED, Installed, closure
from wherry.errors import InputError


def names(packages: tuple[object, ...]) -> list[str]:
    return [getattr(package, "name", "") for package in packages]


def test_dependencies_are_followed_to_the_end() -> None:
    found = index(
        paragraph(Depends="b"), paragraph("b", Pre_Depends="c"), paragraph("c", Depends="a"), paragraph("d")
    )
    assert names(closure(found, ["a"])) == ["a", "b", "c"]


def test_the_first_alternative_that_exists_is_taken() -> None:
    found = index(paragraph(Depends="gone | c | b"), paragraph("b"), paragraph("c"))
    assert names(closure(found, ["a"])) == ["a", "c"]


def test_an_alternative_that_is_there_already_is_enough() -> None:
    found = index(paragraph(Depends="b | c"), paragraph("b"), paragraph("c"))
    assert names(closure(found, ["a", "c"])) == ["a", "c"]
    assert names(closure(found, ["a"], installed=[Installed("c", "1")])) == ["a"]


def test_versions_decide_between_alternatives() -> None:
    found = index(paragraph(Depends="b (>= 2) | c"), paragraph("b", "1"), paragraph("c"))
    assert names(closure(found, ["a"])) == ["a", "c"]


def test_a_virtual_package_is_met_by_its_first_provider() -> None:
    found = index(paragraph(Depends="mail"), paragraph("z", Provides="mail"), paragraph("y", Provides="mail"))
    assert names(closure(found, ["a"])) == ["a", "y"]


def test_a_versioned_provides_meets_a_versioned_dependency() -> None:
    found = index(
        paragraph(Depends="libssl3 (>= 3)"),
        paragraph("libssl3t64", Provides="libssl3 (= 3.5)"),
        paragraph("aaa", Provides="libssl3"),
    )
    assert names(closure(found, ["a"])) == ["a", "libssl3t64"]


def test_architecture_qualifiers_are_understood() -> None:
    found = index(paragraph(Depends="b:any, c:amd64, d:i386 | e"), *(paragraph(n) for n in "bcde"))
    assert names(closure(found, ["a"])) == ["a", "b", "c", "e"]


def test_what_only_scripts_need_is_left_out_unless_it_is_asked_for() -> None:
    found = index(paragraph(Depends="debconf (>= 0.5) | debconf-2.0"), paragraph("debconf"))
    assert names(closure(found, ["a"])) == ["a"]
    assert names(closure(found, ["a", "debconf"])) == ["a", "debconf"]


def test_every_exclusion_has_its_reason() -> None:
    assert all(len(reason) > 10 for reason in EXCLUDED.values())


def test_what_the_base_has_is_not_added_again() -> None:
    found = index(paragraph(Depends="libc6 (>= 2), mta"), paragraph("libc6", "3"))
    below = [Installed("libc6", "2.36"), Installed("exim", "4", (Relation("mta"),))]
    assert names(closure(found, ["a", "libc6"], installed=below)) == ["a"]


def test_a_dependency_newer_than_the_base_is_an_error_naming_both() -> None:
    found = index(paragraph(Depends="gone (>= 3)"))
    with pytest.raises(InputError, match=r"needs gone \(>= 3\)"):
        closure(found, ["a"])


def test_an_unknown_package_is_named_with_its_nearest_names() -> None:
    found = index(paragraph("libgl1"), paragraph("libgl2"))
    with pytest.raises(InputError, match="no package libgl") as caught:
        closure(found, ["libgl"], where="system-packages")
    assert "libgl1" in caught.value.mend
    with pytest.raises(InputError) as caught:
        closure(found, ["completely-else"])
    assert caught.value.mend == ""


def test_a_root_may_be_virtual_when_there_is_no_doubt() -> None:
    found = index(paragraph("x", Provides="mail"))
    assert names(closure(found, ["mail"])) == ["x"]
    found = index(paragraph("x", Provides="mail"), paragraph("y", Provides="mail"))
    with pytest.raises(InputError, match="several") as caught:
        closure(found, ["mail"])
    assert "x, y" in caught.value.mend


@pytest.mark.parametrize("field", ["Conflicts", "Breaks"])
def test_packages_that_conflict_are_named(field: str) -> None:
    found = index(paragraph("a", **{field: "b (<< 2)"}), paragraph("b", "1"))
    with pytest.raises(InputError, match="a 1 and b 1 cannot go together"):
        closure(found, ["a", "b"])
    assert names(closure(found, ["a"])) == ["a"]
    with pytest.raises(InputError, match="cannot go together"):
        closure(found, ["a"], installed=[Installed("b", "1")])


def test_a_package_may_conflict_with_what_it_provides_itself() -> None:
    found = index(paragraph("a", Conflicts="mail", Provides="mail"), paragraph("b", Provides="mail (= 1)"))
    assert names(closure(found, ["a"])) == ["a"]
    with pytest.raises(InputError, match="cannot go together"):
        closure(found, ["a", "b"])
