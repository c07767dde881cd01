"""A WWW-Authenticate header is understood as registries write it, and whatever they write harms nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.oci.registry.challenge import Challenge, parse_challenges

REALM = "https://auth.registry.example/token"
BEARER = Challenge("bearer", {"realm": REALM, "service": "registry.example"})


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([f'Bearer realm="{REALM}",service="registry.example"'], [BEARER]),
        ([f'Bearer service="registry.example", realm="{REALM}"'], [BEARER]),
        ([f'bearer REALM = "{REALM}" ,  Service=registry.example'], [BEARER]),
        ([f"Bearer realm={REALM},service=registry.example"], [BEARER]),
        ([f'Bearer realm="{REALM}",service="registry.example",realm="https://other.example"'], [BEARER]),
        (['Basic realm="a, \\"b\\", c=d"'], [Challenge("basic", {"realm": 'a, "b", c=d'})]),
        (["Basic"], [Challenge("basic")]),
        (
            [f'Basic realm="x", Bearer realm="{REALM}",service="registry.example"'],
            [Challenge("basic", {"realm": "x"}), BEARER],
        ),
        (
            ['Basic realm="x"', f'Bearer realm="{REALM}",service="registry.example"'],
            [Challenge("basic", {"realm": "x"}), BEARER],
        ),
        (
            ["Negotiate YWJj==, NTLM, Basic realm=x"],
            [Challenge("negotiate"), Challenge("ntlm"), Challenge("basic", {"realm": "x"})],
        ),
        (['Bearer realm=""'], [Challenge("bearer", {"realm": ""})]),
        ([], []),
        (["", " , ,"], []),
    ],
)
def test_challenges_are_read_in_any_order_and_spelling(headers: list[str], found: list[Challenge]) -> None:
    assert parse_challenges(headers) == found


@pytest.mark.parametrize("broken", ['realm="never closed', 'realm=="x"', '="x"', "\0", 'realm="x"y'])
def test_what_came_before_the_nonsense_counts(broken: str) -> None:
    header = f'Bearer realm="{REALM}",service="registry.example", {broken}'
    assert parse_challenges([header])[0] == BEARER


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40)


@given(st.lists(st.tuples(NAMES, st.dictionaries(NAMES, VALUES, min_size=1, max_size=4)), max_size=5))
def test_what_is_written_by_the_rules_is_read_again(challenges: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = ", ".join(
        f"{scheme} " + ",".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    assert parse_challenges([text]) == [Challenge(scheme, parameters) for scheme, parameters in challenges]


@given(st.lists(st.text(max_size=200), max_size=4))
def test_no_header_is_too_strange_to_be_read(headers: list[str]) -> None:
    for challenge in parse_challenges(headers):
        assert challenge.scheme == challenge.scheme.lower()


def test_an_endless_header_is_read_as_far_as_is_sensible() -> None:
    assert len(parse_challenges(["Basic, " * 100_000])) == 16
    assert parse_challenges(['Bearer realm="' + "x" * 100_000 + '"']) == [Challenge("bearer")]
