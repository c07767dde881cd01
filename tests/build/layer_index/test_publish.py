"""What is told: what the index lacks, and what it has in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.build.layer_index.conftest import RECIPE
from wherry.build.layer_index.entries import ToldSet, set_key
from wherry.build.layer_index.publish import _Entry, _Telling
from wherry.digest import Digest
from wherry.oci.registry.client import Registries
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from tests.build.layer_index.conftest import Team
    from wherry.build.layer_index.index import LayerIndex


def test_what_is_refused_is_missing_though_it_stands_there(team: Team, index: LayerIndex) -> None:
    right, wrong = (
        _Entry("set", set_key([Digest.of_bytes(text)], RECIPE.layout), ToldSet((1,)))
        for text in (b"right", b"wrong")
    )
    for entry in (right, wrong):
        team.put("set", entry.key, entry.value)
    index.refused.add(("set", wrong.key))
    with Registries() as registries:
        telling = _Telling(team.reference, registries, team.store, SilentProgress(), index)
        assert telling._missing([right, wrong]) == [wrong]
