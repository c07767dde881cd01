"""Versions compare as dpkg compares them."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.programs import require_program
from wherry.bases.debian_version import is_version, satisfies, version_key
from wherry.errors import InputError

ATOMS = st.sampled_from(["0", "1", "00", "9", "10", "~", "+", ".", "a", "b", "Z", "deb12u1", "~rc1"])
VERSIONS = st.builds(
    lambda epoch, upstream, revision: f"{epoch}1{upstream}{revision}",
    st.sampled_from(["", "0:", "1:"]),
    st.lists(ATOMS, max_size=6).map("".join),
    st.one_of(st.just(""), st.lists(ATOMS, min_size=1, max_size=4).map(lambda parts: "-" + "".join(parts))),
)

ORDERED = [
    "1.0~rc1",
    "1.0~rc1-1",
    "1.0",
    "1.0-0a",
    "1.0-1~deb12u1",
    "1.0-1",
    "1.0-1+b1",
    "1.0+dfsg-1",
    "1.0.1",
    "1.9",
    "1.10",
]


def test_versions_as_debian_writes_them_have_their_order() -> None:
    assert sorted(set(ORDERED), key=version_key) == ORDERED
    assert version_key("1:0.1") > version_key("99")
    assert version_key("1") > version_key("1-0~rc1")  # no revision is revision 0, and ~ is before its end
    assert version_key("1.0") == version_key("0:1.0-0") == version_key("1.00")


@settings(max_examples=60)
@given(VERSIONS, VERSIONS)
def test_any_two_versions_compare_as_dpkg_says(one: str, other: str) -> None:
    dpkg = require_program("dpkg")
    assume(is_version(one) and is_version(other))
    for relation, word in (("<<", "lt"), ("<=", "le"), ("=", "eq"), (">=", "ge"), (">>", "gt")):
        told = subprocess.run(
            [dpkg, "--compare-versions", one, word, other], check=False, capture_output=True
        )
        assert satisfies(one, relation, other) is (told.returncode == 0), (one, relation, other)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_transitive(one: str, two: str, three: str) -> None:
    assume(is_version(one) and is_version(two) and is_version(three))
    keys = sorted([version_key(one), version_key(two), version_key(three)])
    assert keys[0] <= keys[2]


def test_the_old_spellings_of_relations_include_equality() -> None:
    assert satisfies("1", "<", "1")
    assert satisfies("1", ">", "1")


@pytest.mark.parametrize("text", ["", "1 2", "a b", "1/2", "1-", "1" * 300, "1\n", "ü"])
def test_what_is_no_version_is_refused(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(InputError):
        version_key(text)


def test_an_unknown_relation_is_refused() -> None:
    with pytest.raises(InputError):
        satisfies("1", "!=", "1")


def test_a_number_of_any_length_compares() -> None:
    assert version_key("9" * 200) < version_key("1" + "0" * 200)
