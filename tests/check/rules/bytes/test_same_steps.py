"""What a fix puts into a RUN changes nothing else: a shell runs the steps before and after, some failing."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.check.rules.bytes.cases import verdicts
from wherry.check.fix import edited
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source

STEPS = ("a", "b", "apt-get update", "apt-get install -y --no-install-recommends x")
JOINERS = (" && ", "; ", " || ", " && \\\n    ", "; \\\n    ", " \\\n # why\n && ", " | ")
STUBS = """
log() { printf '%s\\n' "$*" >> "$LOG"; case " $FAILING " in *" $1-${2:-} "*) return 3;; esac; }
a() { log a; }
b() { log b; }
apt-get() { log apt-get "$1"; }
rm() { log rm; }
"""


class Outcome(NamedTuple):
    """What a script did."""

    status: int
    steps: list[str]


def run(script: str, failing: str) -> Outcome:
    """Run the text of a RUN as the build does; functions stand for the programs, and some of them fail."""
    done = subprocess.run(
        ["/bin/bash", "-c", f"{STUBS}\n{script}"],
        env={"FAILING": failing, "LOG": "/dev/stderr", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    steps = [line for line in done.stderr.splitlines() if not line.startswith("+")]
    return Outcome(done.returncode, sorted(steps))  # of a pipe no order is promised


def body(dockerfile: str, at: int = 1) -> str:
    """What the shell gets of an instruction."""
    return parse(Source("Dockerfile", dockerfile.encode())).instructions[at].body.text


@st.composite
def scripts(draw: st.DrawFn) -> str:
    steps = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=5))
    joiners = draw(st.lists(st.sampled_from(JOINERS), min_size=len(steps) - 1, max_size=len(steps) - 1))
    text = steps[0] + "".join(joiner + step for joiner, step in zip(joiners, steps[1:], strict=True))
    return draw(st.sampled_from(["", "set -e; ", "set -ex && "])) + text


@settings(max_examples=150, deadline=None)
@given(
    scripts(),
    st.sets(st.sampled_from(["a-", "b-", "apt-get-update", "apt-get-install"]), max_size=2),
)
def test_cleaning_up_behind_an_install_hides_no_failure(script: str, failing: set[str]) -> None:
    text = f"FROM debian:bookworm\nRUN {script}\n"
    for finding in verdicts("G2", text):
        if finding.fix is None:
            continue
        after = edited(text.encode(), finding.fix.edits).decode()
        old, new = (run(body(one), " ".join(failing)) for one in (text, after))
        assert new.status == old.status
        assert [step for step in new.steps if step != "rm"] == old.steps


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b && a", "a; b", "b || a", "cd /tmp && a", "a | b", "X=1"]), max_size=3),
    st.sets(st.sampled_from(["a-", "b-"]), max_size=1),
)
def test_runs_that_are_made_one_fail_where_they_failed(between: list[str], failing: set[str]) -> None:
    lines = ["wget https://example.com/x.zip -O /x.zip", *between, "rm /x.zip"]
    text = "FROM debian:bookworm\n" + "".join(f"RUN {line}\n" for line in lines)
    stub = "wget() { log wget; }\n"
    for finding in verdicts("G3", text):
        if finding.fix is None:
            continue
        after = edited(text.encode(), finding.fix.edits).decode()
        apart = Outcome(0, [])
        for at in range(len(lines)):
            one = run(stub + body(text, at + 1), " ".join(failing))
            apart = Outcome(one.status, sorted(apart.steps + one.steps))
            if one.status:
                break
        assert run(stub + body(after), " ".join(failing)) == apart
