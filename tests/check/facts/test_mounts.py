from __future__ import annotations

from tests.check.facts.dockerfiles import run_of


def test_a_mount_has_the_fields_of_its_type_with_what_the_build_takes_where_none_are_given() -> None:
    run = run_of(
        "true",
        "ARG DIR=/c\nWORKDIR /app",
        "--mount=type=cache,dst=$DIR/pip,sharing=locked,id=pip "
        "--mount=type=cache,target=out "
        "--mount=type=secret,id=token,env=HF_TOKEN "
        "--mount=type=secret,id=netrc,required "
        "--mount=type=secret,src=/home/me/key,target=/k "
        "--mount=from=build,src=/w,target=/w,ro "
        "--mount=type=ssh --mount=type=tmpfs,target=/tmp",
    )
    cache, relative, variable, file, sourced, bind, ssh, tmpfs = run.mounts
    assert (cache.type, cache.target, cache.sharing, cache.id) == ("cache", "/c/pip", "locked", "pip")
    assert (relative.target, relative.id, relative.sharing) == ("/app/out", "/app/out", "shared")
    assert (variable.id, variable.env, variable.target) == ("token", "HF_TOKEN", "")
    assert (file.target, file.required) == ("/run/secrets/netrc", True)
    assert (sourced.id, sourced.target, sourced.required) == ("key", "/k", False)
    assert (bind.type, bind.from_, bind.source, "readonly" in bind.fields) == ("bind", "build", "/w", True)
    assert (ssh.type, ssh.target) == ("ssh", "")
    assert tmpfs.holds("/tmp/x")
    assert run.stage.facts.text(relative.span) == "--mount=type=cache,target=out"


def test_a_mount_holds_its_target_and_what_is_below() -> None:
    run = run_of("true", "", "--mount=type=cache,target=/a/b/")
    (mount,) = run.mounts
    assert mount.holds("/a/b")
    assert mount.holds("/a/b/c")
    assert not mount.holds("/a/bc")
    assert not mount.holds("/a")
    assert run.mount("cache", "/a/b/x") is mount
    assert run.mount("bind", "/a/b/x") is None
