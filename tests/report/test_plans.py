"""A plan as text and as JSON."""

from __future__ import annotations

import json

from tests.results import built_image
from wherry.report.plans import plan_json, plan_lines

IMAGE = built_image(torch=5, idna=7, notes=("left out: data/",))
PLAN = IMAGE.plan
STORED = {"key of torch": IMAGE.layers[0].blob}


def test_the_text_says_what_runs_as_whom_and_which_layers_are_there() -> None:
    lines = plan_lines(PLAN, STORED)
    assert lines[:3] == [
        "app for linux/amd64: Python 3.11.2 on debian:bookworm",
        "  runs python -m 'my app'   (because)",
        "  as user 65532:65532 in /app, ports 80/tcp",
    ]
    assert [line.split()[:2] for line in lines[5:7]] == [["1", "torch"], ["2", "idna"]]
    assert "has it" in lines[5]
    assert "has it" not in lines[6]
    assert "15 B" in lines[5], "the finished layer's size, which only the store knows"
    assert lines[-1] == "note: left out: data/"


def test_json_says_the_same_in_bytes_and_null() -> None:
    document = plan_json(PLAN, STORED)
    json.dumps(document)
    assert [layer["stored"] for layer in document["layers"]] == [True, False]
    assert document["layers"][0]["download_bytes"] is None
    assert [layer["unpacked_bytes"] for layer in document["layers"]] == [15, None]
    assert document["command"] == ["python", "-m", "my app"]
    assert document["env"] == {"A": "1"}
