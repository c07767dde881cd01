"""BuildKit itself builds the same stages, from nothing: its image's settings are what is worked out here."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.dockerfile.buildkit import build
from wherry.dockerfile.endings import ending_of
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source
from wherry.dockerfile.stages import build_graph

if TYPE_CHECKING:
    from pathlib import Path

BUILD_ARGS = {"C": "given", "H": "high"}
NAMES = ["A", "B", "C", "PATH", "TARGETARCH"]
VALUES = ["1", "$A", "${B:-b}", "'$A'", '"$A $B"', "${C:+c}", "/opt:$PATH", "$TARGETARCH", "x\\ y", "$G"]
PATHS = ["/app", "sub", "$A", "/x/../y", "${B:-/b}", "'a b'", "./", "/"]


def lines(choose: random.Random) -> list[str]:
    def some(of: list[str]) -> str:
        return choose.choice(of)

    made = {
        "ENV": lambda: f"ENV {some(NAMES)}={some(VALUES)} {some(NAMES)}={some(VALUES)}",
        "ENV old": lambda: f"ENV {some(NAMES)} {some(VALUES)}",
        "ARG": lambda: f"ARG {some(NAMES)}={some(VALUES)}",
        "ARG bare": lambda: f"ARG {some([*NAMES, 'G', 'H'])}",
        "WORKDIR": lambda: f"WORKDIR {some(PATHS)}",
        "USER": lambda: f"USER {some(['17', '1000:1', '${A:+1}7'])}",
        "LABEL": lambda: f"LABEL l{choose.randint(0, 3)}={some(VALUES)} m=$A",
        "SHELL": lambda: f'SHELL ["{some(["/bin/bash", "/bin/sh"])}", "-c"]',
        "CMD": lambda: some(["CMD run $A", 'CMD ["run", "$A"]', "CMD []"]),
        "ENTRYPOINT": lambda: some(['ENTRYPOINT ["start"]', "ENTRYPOINT start it"]),
        "EXPOSE": lambda: f"EXPOSE {choose.randint(1, 9)} 80{choose.randint(1, 9)}/udp",
        "VOLUME": lambda: f"VOLUME /v{choose.randint(0, 3)} ${{A:-/w}}",
        "STOPSIGNAL": lambda: some(["STOPSIGNAL SIGINT", "STOPSIGNAL SIGTERM"]),
    }
    chosen = choose.choices(list(made), weights=[4, 1, 3, 2, 3, 1, 3, 1, 1, 1, 1, 1, 1], k=8)
    return [made[name]() for name in chosen]


def dockerfile(seed: int) -> str:
    choose = random.Random(seed)  # noqa: S311 - to vary the cases
    text = ["ARG G=global", "ARG H", "ARG WHICH=s0", "FROM scratch AS S0", "ENV SEEN=1", *lines(choose)]
    for number in range(1, choose.randint(1, 4)):
        base = choose.choice(["scratch", "${WHICH}", f"s{choose.randrange(number)}"])
        text += [f"FROM {base} AS s{number}", "ENV SEEN=1", *lines(choose)]
    return "\n".join([*text, "WORKDIR /end", ""])


@pytest.mark.parametrize("seed", range(30))
def test_the_image_of_the_last_stage_has_the_settings_worked_out_here(
    docker_host: str, tmp_path: Path, seed: int
) -> None:
    text = dockerfile(seed)
    config = build(docker_host, tmp_path, text, BUILD_ARGS)
    assert isinstance(config, dict), (text, config)
    graph = build_graph(parse(Source("Dockerfile", text.encode())), BUILD_ARGS)
    ending = ending_of(graph.target)
    shell = list(ending.scope.shell)
    entrypoint = ending.entrypoint
    assert dict(pair.split("=", 1) for pair in config["Env"]) == dict(ending.scope.env), text
    assert config["User"] == ending.scope.user, text
    assert config["WorkingDir"] == ending.scope.workdir, text
    assert (config.get("Labels") or {}) == ending.labels, text
    assert (config.get("Shell") or ["/bin/sh", "-c"]) == shell, text
    assert set(config.get("Volumes") or {}) == set(ending.volumes), text
    assert set(config.get("ExposedPorts") or {}) == set(ending.exposed), text
    for said, found in ((config["Cmd"], ending.cmd), (config["Entrypoint"], entrypoint)):
        assert (said is None or said == []) == (found is None or found.values == ()), text
        if said and found:
            assert said[-1] == found.values[-1], text
