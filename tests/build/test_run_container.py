from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import USER, Entry, directory, put_image, source_of
from wherry.build.run.account import Account, account_of
from wherry.build.run.bubblewrap import sandbox_arguments
from wherry.build.run.container import Container, container_of, require_program
from wherry.build.run.request import Mount, RunRequest
from wherry.build.run.spec import runtime_spec
from wherry.build.run.view import View
from wherry.errors import InputError
from wherry.oci.image import read_image
from wherry.oci.model import Config

if TYPE_CHECKING:
    from wherry.store.store import Store

PASSWD = f"root:x:0:0:root:/root:/bin/sh\napp:x:{USER}:{USER}::/home/app:/bin/sh\nbroken\nbad:x:many:1::/:/\n"
GROUP = f"root:x:0:\napp:x:{USER}:\nvideo:x:44:app,other\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "root"
    for name in ("etc", "tmp", "home/app", "mnt"):
        (found / name).mkdir(parents=True)
    (found / "etc/passwd").write_text(PASSWD)
    (found / "etc/group").write_text(GROUP)
    (found / "etc/hosts").touch()
    return found


@pytest.mark.parametrize(
    ("user", "meant"),
    [
        ("", Account(0, 0, (), "/root")),
        ("app", Account(USER, USER, (44,), "/home/app")),
        (f"{USER}:{USER}", Account(USER, USER, (), "/home/app")),
        ("app:video", Account(USER, 44, (), "/home/app")),
        ("1234", Account(1234, 0, (), "/")),
        ("1234:5678", Account(1234, 5678, (), "/")),
    ],
)
def test_a_user_is_looked_up_in_the_images_own_files(root: Path, user: str, meant: Account) -> None:
    assert account_of(root, user) == meant


@pytest.mark.parametrize("user", ["nobody", "app:nogroup", "99999999999", "bad", "1:99999999999"])
def test_a_user_the_image_does_not_have_is_refused(root: Path, user: str) -> None:
    with pytest.raises(InputError):
        account_of(root, user)


def _request(store: Store, config: Config | None = None, **options: Any) -> RunRequest:  # noqa: ANN401 - RunRequest's fields
    config = config or Config(
        user=f"{USER}", env=("HOME=/home/app", "A=image"), entrypoint=("/bin/app",), volumes={"/data": {}}
    )
    descriptor = put_image(store, [[directory("etc"), Entry("x")]], config=config)
    source = source_of(store, descriptor)
    return RunRequest(source, read_image(source, descriptor, None), options.pop("argv", None), **options)


def _container(store: Store, root: Path, view: View | None = None, **options: Any) -> Container:  # noqa: ANN401 - as above
    return container_of(_request(store, **options), root, view or View(root, writable=True))


def test_variables_of_the_user_win_over_the_images_over_our_own(store: Store, root: Path) -> None:
    found = _container(store, root, env=("A=user", "B=x=y"))
    assert dict(e.partition("=")[::2] for e in found.env) | {"PATH": ""} == {
        "PATH": "",
        "HOME": "/home/app",
        "A": "user",
        "B": "x=y",
    }
    assert found.argv == ("/bin/app",)
    assert found.directory == "/"


def test_a_terminal_has_a_type(store: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "vt100")
    assert "TERM=vt100" in _container(store, root, tty=True).env


def test_a_writable_view_needs_no_private_places_unless_asked(store: Store, root: Path) -> None:
    assert _container(store, root).tmpfs == ()
    assert _container(store, root, read_only=True).tmpfs == ("/tmp", "/home/app", "/data")


def test_a_view_that_cannot_be_written_gets_private_places_where_the_image_has_them(
    store: Store, root: Path
) -> None:
    found = _container(store, root, View(root))
    assert found.read_only
    assert found.tmpfs == ("/tmp", "/home/app")
    assert all(target != "/etc/resolv.conf" for _, target, _ in found.binds)


def test_a_mount_needs_a_place_where_none_can_be_made(store: Store, root: Path) -> None:
    for target, ok in (("/mnt", True), ("/new", False)):
        mounts = (Mount(Path("/srv"), target),)
        assert (Path("/srv"), target, False) in _container(store, root, mounts=mounts).binds
        if ok:
            _container(store, root, View(root), mounts=mounts)
            continue
        with pytest.raises(InputError, match="no /new to mount on"):
            _container(store, root, View(root), mounts=mounts)


def test_strange_homes_and_volumes_are_never_covered(store: Store, root: Path) -> None:
    config = Config(env=("HOME=/",), cmd=("x",), volumes={"relative": {}, "/../up": {}})
    assert _container(store, root, config=config, read_only=True).tmpfs == ("/tmp",)


def test_the_spec_gives_the_image_its_user_and_no_powers(store: Store, root: Path) -> None:
    mounts = (Mount(Path("/srv"), "/mnt", read_only=True),)
    container = _container(store, root, mounts=mounts, read_only=True)
    spec = json.loads(runtime_spec(container, View(root, writable=True), terminal=False))
    process = spec["process"]
    assert process["user"]["uid"] == USER
    assert process["noNewPrivileges"]
    assert not any(process["capabilities"].values())
    assert spec["root"] == {"path": str(root), "readonly": True}
    kinds = {namespace["type"] for namespace in spec["linux"]["namespaces"]}
    assert {"pid", "ipc", "mount"} <= kinds
    assert "network" not in kinds
    by_target = {mount["destination"]: mount for mount in spec["mounts"]}
    assert "ro" in by_target["/mnt"]["options"]
    assert f"uid={USER}" in by_target["/home/app"]["options"]


def test_without_root_the_images_user_is_us(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    container = _container(store, root)
    spec = json.loads(runtime_spec(container, View(root, writable=True, user_id=1000), terminal=True))
    assert {"type": "user"} in spec["linux"]["namespaces"]
    assert spec["linux"]["uidMappings"] == [{"containerID": USER, "hostID": 1000, "size": 1}]
    assert "additionalGids" not in spec["process"]["user"]
    assert {m["destination"]: m for m in spec["mounts"]}["/sys"]["type"] == "none"


def test_root_in_the_image_has_dockers_powers(store: Store, root: Path) -> None:
    container = _container(store, root, config=Config(user="0", cmd=("x",)))
    spec = json.loads(runtime_spec(container, View(root, writable=True), terminal=False))
    assert "CAP_CHOWN" in spec["process"]["capabilities"]["effective"]


def test_a_sandbox_shows_the_image_and_what_is_mounted_only(store: Store, root: Path) -> None:
    mounts = (Mount(Path("/srv"), "/mnt", read_only=True), Mount(Path("/opt"), "/rw"))
    container = _container(store, root, mounts=mounts, argv=("sh", "-c", "x"))
    found = " ".join(sandbox_arguments(container, own_home=False))
    assert found.endswith("--chdir / -- sh -c x")
    assert f"--uid {USER}" in found
    assert f"--bind {root} /" in found
    assert "--ro-bind /srv /mnt" in found
    assert "--bind /opt /rw" in found
    assert "--tmpfs" not in found
    assert "--remount-ro" not in found
    assert "--new-session" in found
    own = " ".join(sandbox_arguments(replace(container, read_only=True, tty=True), own_home=True))
    assert "--tmpfs /tmp --perms 1777 --tmpfs /home/app" in own
    assert "--remount-ro /" in own
    assert "--new-session" not in own


@pytest.mark.parametrize(
    ("name", "is_there"),
    [
        ("python", True),
        ("/opt/venv/bin/python", True),
        ("bin/tool", True),
        ("sh", False),
        ("/bin/sh", False),
        ("./tool", False),
    ],
)
def test_a_program_is_looked_for_where_the_image_would(root: Path, name: str, is_there: bool) -> None:  # noqa: FBT001 - a table's column
    for place in ("opt/venv/bin/python", "app/bin/tool"):
        (root / place).parent.mkdir(parents=True)
        (root / place).touch()
    env = ("PATH=/opt/venv/bin:/usr/bin",)
    container = Container(
        (name,), env, "/app", Account(1, 1, (), "/"), root, read_only=False, tmpfs=(), binds=(), tty=False
    )
    mounted = replace(container, binds=((root, "/data", True),))
    require_program(mounted, root)
    if is_there:
        require_program(container, root)
    else:
        with pytest.raises(InputError, match="the image has no program"):
            require_program(container, root)
