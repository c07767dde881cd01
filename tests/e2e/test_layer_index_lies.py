"""An index that lies, in a real registry: the image is the honest one, the lie is said once and told away."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.e2e.team import MINOR, NOBODY, SMALL, Liar, Machine, Team
from tests.layers.wheel_maker import WheelMaker
from wherry.build.layer_index.entries import ToldSet, set_key
from wherry.build.layer_index.facts import pack_facts, unpack_facts
from wherry.digest import Digest
from wherry.layers.model import MTIME, Layout, OwnedFile
from wherry.layers.tar import file_header, padding, symlink_header
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.e2e

SITE = f"opt/venv/lib/python{MINOR}/site-packages"
INSTALLER = f"{SITE}/red-1.dist-info/INSTALLER"
LAYOUT = Layout(python=(int(MINOR.partition(".")[0]), int(MINOR.partition(".")[2])))


def accused(built: dict[str, Any]) -> list[str]:
    return [note for note in built["notes"] if "is wrong" in note]


def told_tags(team: Team, kind: str, repository: str = "team/cache") -> list[str]:
    return [tag for tag in team.registry.tags(repository) if tag.startswith(f"{kind}-")]


def bump(team: Team, version: str) -> None:
    team.offer("green", version, SMALL)
    team.lock(green=version)


def unpacked(team: Team, digest: str) -> bytes:
    name = digest.removeprefix("sha256:")
    file = next(file for file in team.registry.blob_files() if file.parent.name == name)
    return gzip.decompress(file.read_bytes())


def lie_of_segment(team: Team, name: str, change: Callable[[bytes], bytes], **told: int) -> None:
    """Have the segment of the wheel *name* changed, and all that is told of it fit."""

    def changed(value: dict[str, Any]) -> bytes | None:
        plain = unpacked(team, value["digest"])
        if f"{SITE}/{name}/".encode() not in plain:
            return None
        lie = change(plain)
        blob = gzip.compress(lie)
        value |= {"digest": str(Digest.of_bytes(blob)), "diff_id": str(Digest.of_bytes(lie))}
        value |= {"unpacked_bytes": len(lie), **told}
        return blob

    for tag in told_tags(team, "segment"):
        Liar(team.registry.host).change(tag, changed)


def member(path: str, data: bytes, mode: int = 0o644) -> bytes:
    return file_header(path, len(data), mode=mode, mtime=MTIME) + data + padding(len(data))


TRUE = member(INSTALLER, b"wherry\n")
SEGMENT_LIES: dict[str, Callable[[bytes], bytes]] = {
    "other bytes": lambda plain: plain.replace(b"VERSION = '1'", b"VERSION = '6'"),
    "a member outside the prefix": lambda plain: member("etc/cron.d/evil", b"evil") + plain,
    "a setuid member": lambda plain: plain.replace(TRUE, member(INSTALLER, b"wherry\n", 0o4755)),
    "a symlink": lambda plain: plain.replace(TRUE, symlink_header(INSTALLER, "/etc/passwd", mtime=MTIME)),
    "a bomb": lambda plain: member(f"{SITE}/red/bomb", bytes(64 << 20)) + plain,
}


@pytest.mark.parametrize("lie", SEGMENT_LIES)
def test_a_segment_that_is_not_its_wheels_enters_no_image_and_is_told_again(
    warm: tuple[Team, dict[str, Any]], lie: str
) -> None:
    team, _ = warm
    lie_of_segment(team, "red", SEGMENT_LIES[lie])
    bump(team, "2")
    machine = team.machine()
    built = machine.build("--push")
    said = accused(built)
    assert len(said) == 1
    assert "its segment of red-1-py3-none-any.whl is not that" in said[0]
    assert machine.has(team.wheel("red"))
    assert not machine.has(team.wheel("blue"))
    honest = team.machine().build("--cache-from", "none", "--cache-to", "none")
    assert built["containerimage.digest"] == honest["containerimage.digest"]
    bump(team, "3")
    another = team.machine()
    assert not accused(another.build())
    assert not another.has(team.wheel("red"))


def test_a_bomb_that_is_told_to_be_small_is_not_unpacked(warm: tuple[Team, dict[str, Any]]) -> None:
    team, _ = warm
    lie_of_segment(team, "red", SEGMENT_LIES["a bomb"], unpacked_bytes=300_000)
    bump(team, "2")
    built = team.machine().build()
    assert len(accused(built)) == 1
    honest = team.machine().build("--cache-from", "none")
    assert built["containerimage.digest"] == honest["containerimage.digest"]


def test_a_segment_whose_blob_is_gone_is_made_of_its_wheel_and_told_again(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, _ = warm

    gone: list[str] = []
    for tag in told_tags(team, "segment"):
        Liar(team.registry.host).change(tag, lambda value: gone.append(value["digest"]))
    for digest in gone:
        if f"{SITE}/red/".encode() in unpacked(team, digest):
            link = f"repositories/team/cache/_layers/sha256/{digest.removeprefix('sha256:')}/link"
            (team.registry.storage / "docker/registry/v2" / link).unlink()
    bump(team, "2")
    machine = team.machine()
    machine.build("--push")
    assert machine.has(team.wheel("red"))
    bump(team, "3")
    another = team.machine()
    another.build()
    assert not another.has(team.wheel("red"))


def lie_of_large_layer(team: Team, repository: str, digest: str) -> None:
    """Have the layer with *digest* be another, of which all that is told is right."""

    def changed(value: dict[str, Any]) -> bytes | None:
        if value["digest"] != digest:
            return None
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w"):
            pass
        blob = gzip.compress(sink.getvalue())
        value |= {"digest": str(Digest.of_bytes(blob)), "diff_id": str(Digest.of_bytes(sink.getvalue()))}
        value |= {"size_bytes": len(blob), "unpacked_bytes": len(sink.getvalue())}
        return blob

    for tag in told_tags(team, "layer", repository):
        Liar(team.registry.host, repository).change(tag, changed)


def test_what_one_index_told_is_neither_believed_of_another_nor_told_to_it(team: Team) -> None:
    theirs = f"{team.relay.host}/others/cache"
    honest = team.machine().build("--cache-from", "none", "--cache-to", theirs)
    large = next(layer for layer in honest["images"][0]["layers"] if layer["kind"] == "wheel")
    lie_of_large_layer(team, "others/cache", large["digest"])
    machine = team.machine()
    deceived = machine.build("--cache-from", theirs)
    assert (
        deceived["containerimage.digest"] != honest["containerimage.digest"]
    )  # who writes there is believed
    assert not machine.has(team.wheel("large"))
    machine.build("--cache-from", theirs, "--cache-to", f"{team.relay.host}/team/cache")
    assert not team.registry.tags("team/cache")
    mine = machine.build("--push")  # and asks the project's index
    assert mine["containerimage.digest"] == honest["containerimage.digest"]
    assert machine.has(team.wheel("large"))
    fresh = team.machine().build(index=NOBODY)
    assert fresh["containerimage.digest"] == honest["containerimage.digest"]
    assert machine.build("--cache-from", "none")["containerimage.digest"] == honest["containerimage.digest"]


def test_a_layer_joined_of_what_one_index_told_is_told_to_that_one_alone(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, _ = warm
    bump(team, "2")
    ours, theirs = f"{team.relay.host}/team/cache", f"{team.relay.host}/others/cache"
    before = len(told_tags(team, "layer"))
    machine = team.machine()
    machine.build("--cache-from", ours, "--cache-to", theirs)
    assert not told_tags(team, "layer", "others/cache")
    assert not told_tags(team, "set", "others/cache")
    assert len(told_tags(team, "wheel", "others/cache")) == 1  # green's: it was here
    assert len(told_tags(team, "segment", "others/cache")) == 1
    machine.build("--cache-to", ours)
    assert len(told_tags(team, "layer")) == before  # it knows no more whether what it was told still stands
    team.machine().build("--cache-to", ours)
    assert len(told_tags(team, "layer")) == before + 1


def kept(machine: Machine, kind: str) -> int:
    return sum(1 for known, _ in Store(machine.store).index.files() if known == kind)


def sizes(team: Team) -> dict[Digest, int]:
    return {
        team.wheel(name): len(team.index.files[f"{name}-{version}-py3-none-any.whl"])
        for name, version in team.versions.items()
    }


def lie_of_set(team: Team, told: dict[Digest, int]) -> None:
    value = ToldSet(tuple(told[digest] for digest in sorted(told)))
    Liar(team.registry.host).put("set", set_key(told, LAYOUT), value)


def test_wheels_that_are_told_to_agree_and_do_not_are_refused_in_every_run(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, _ = warm
    made = WheelMaker({"green/x.py": b"", "red/data.bin": b"mine"}, name="green", version="3").write(
        team.root / "wheels"
    )
    team.index.files[made.filename] = made.path.read_bytes()
    team.lock(green="3")
    lie_of_set(team, sizes(team))
    machine = team.machine()
    for _ in range(2):
        assert "both install" in machine.fails("--push")
        assert not kept(machine, "told-sets")


def test_wheels_that_are_told_to_be_at_odds_and_are_not_are_looked_at(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, _ = warm

    def changed(value: dict[str, Any]) -> None:
        facts = unpack_facts(base64.b64decode(value["facts"]))
        if facts.name == "red":
            more = OwnedFile("site", "green/__init__.py", f"sha256={'0' * 32}", 1)
            lie = pack_facts(msgspec.structs.replace(facts, files=(*facts.files, more)))
            value["facts"] = base64.b64encode(lie).decode()

    for tag in told_tags(team, "wheel"):
        Liar(team.registry.host).change(tag, changed)
    bump(team, "2")
    machine = team.machine()
    built = machine.build("--push")
    honest = team.machine().build("--cache-from", "none", "--cache-to", "none")
    assert built["containerimage.digest"] == honest["containerimage.digest"]
    assert ["red-1-py3-none-any.whl holds other files" in note for note in accused(built)] == [True]
    assert machine.has(team.wheel("red"))
    assert not machine.has(team.wheel("blue"))
    bump(team, "3")
    another = team.machine()
    assert not accused(another.build())  # it was told anew
    assert not another.has(team.wheel("red"))


@pytest.mark.parametrize("told_bytes", [50_000_000, 1 << 39])
def test_a_size_that_a_set_lies_about_changes_no_image_and_is_told_again(
    warm: tuple[Team, dict[str, Any]], told_bytes: int
) -> None:
    team, honest = warm
    lie_of_set(team, sizes(team) | {team.wheel("large"): told_bytes, team.wheel("red"): told_bytes})
    machine = team.machine()
    built = machine.build("--push")
    assert built["containerimage.digest"] == honest["containerimage.digest"]
    assert accused(built)
    assert not accused(machine.build("--push"))
    fresh = team.machine()
    again = fresh.build("--push", index=NOBODY)
    assert again["containerimage.digest"] == honest["containerimage.digest"]
    assert not accused(again)
    assert not fresh.has(team.wheel("large"))


@pytest.mark.parametrize(("told_bytes", "left"), [(-1, 0), (1, 2), (50_000_000, 1)])
def test_a_size_that_is_told_of_a_wheel_is_a_hint_and_no_more(
    warm: tuple[Team, dict[str, Any]], told_bytes: int, left: int
) -> None:
    team, _ = warm
    for tag in told_tags(team, "wheel"):
        Liar(team.registry.host).change(tag, lambda value: value.update(size_bytes=told_bytes))
    bump(team, "2")
    machine = team.machine()
    built = machine.build("--push")
    honest = team.machine().build("--cache-from", "none", "--cache-to", "none")
    assert built["containerimage.digest"] == honest["containerimage.digest"]
    assert not accused(machine.build("--push"))
    assert kept(machine, "told-sizes") == left  # of wheels that nobody had to fetch


@pytest.mark.parametrize(
    "files",
    [
        [None],
        [["red-1-cp27-none-win32.whl", 1 << 50]],
        [["red-2-py3-none-any.whl", 10]],
    ],
)
def test_names_that_are_not_those_of_a_pin_cost_a_question_and_no_build(
    warm: tuple[Team, dict[str, Any]], files: list[Any]
) -> None:
    team, honest = warm

    def changed(value: dict[str, Any]) -> None:
        if value["files"][0][0].startswith("red"):
            value["files"] = files

    for tag in told_tags(team, "pin"):
        Liar(team.registry.host).change(tag, changed)
    machine = team.machine()
    if files and files[0] and "cp27" in files[0][0]:
        assert "red 1" in machine.fails("--push", index=NOBODY)  # for want of another's word
    team.index.asked.clear()
    built = machine.build("--push")
    assert built["containerimage.digest"] == honest["containerimage.digest"]
    assert team.index.asked["red"]
    assert not machine.has(team.wheel("red"))
    again = machine.build("--push")
    assert not accused(again)
    fresh = team.machine().build("--push", index=NOBODY)  # told again
    assert not accused(fresh)
    assert fresh["containerimage.digest"] == honest["containerimage.digest"]
