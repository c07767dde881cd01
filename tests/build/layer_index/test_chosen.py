"""Who is asked and who is told: the command line before the project; a laptop tells nobody by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from wherry.build.layer_index.chosen import Chosen, choose_indexes
from wherry.build.options import BuildOptions
from wherry.errors import InputError
from wherry.oci.reference import RegistryReference
from wherry.project.config import WherryConfig

OURS = RegistryReference("registry.example", "team/cache")
OTHER = RegistryReference("registry.example", "other/cache")


@pytest.mark.parametrize(
    ("cache", "asked", "told", "pushes", "expected"),
    [
        (None, None, None, True, Chosen()),
        (OURS, None, None, False, Chosen(OURS)),
        (OURS, None, None, True, Chosen(OURS, OURS)),
        (OURS, None, OTHER, False, Chosen(OURS, OTHER)),
        (OURS, OTHER, None, True, Chosen(OTHER, OURS)),
        (OURS, "none", None, False, Chosen()),
        (OURS, "none", None, True, Chosen(None, OURS)),
        (OURS, None, "none", True, Chosen(OURS)),
        (None, None, OTHER, False, Chosen(OTHER, OTHER)),
        (None, OTHER, None, True, Chosen(OTHER)),
        (None, "none", OTHER, False, Chosen(None, OTHER)),
    ],
)
def test_the_index_of_a_build(
    cache: RegistryReference | None,
    asked: RegistryReference | str | None,
    told: RegistryReference | str | None,
    pushes: bool,  # noqa: FBT001 - a column of the table
    expected: Chosen,
) -> None:
    options = BuildOptions(Path(), cache_from=text(asked), cache_to=text(told))
    assert choose_indexes(options, WherryConfig(cache=text(cache)), pushes=pushes) == expected


def text(reference: RegistryReference | str | None) -> str | None:
    return str(reference).removeprefix("docker://") if reference else None


def test_without_network_only_what_was_told_before_counts() -> None:
    options = BuildOptions(Path(), offline=True)
    found = choose_indexes(options, WherryConfig(cache=text(OURS)), pushes=True)
    assert found == Chosen(OURS, None, is_online=False)


def test_without_network_nobody_can_be_told() -> None:
    with pytest.raises(InputError, match="--offline"):
        choose_indexes(BuildOptions(Path(), offline=True, cache_to=text(OURS)), WherryConfig(), pushes=False)
