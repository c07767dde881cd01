"""A finished build as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.results import build_result, built_image
from wherry.build.attachments import Attachment
from wherry.digest import Digest
from wherry.oci import media_types
from wherry.oci.model import describe
from wherry.report.builds import build_json, build_lines


def test_the_table_shows_every_layer_and_what_became_of_it() -> None:
    text = "\n".join(build_lines(build_result(built_image(torch=5_000_000, idna=70_000))))
    assert text == "\n".join(
        [
            "  linux/amd64     blob  unpacked",
            "   1 torch     5.00 MB   15.0 MB  made",
            "   2 idna      70.0 kB    210 kB  made",
            "",
            "built app:latest in 1.23 s: 2 layers (2 made, 0 reused), 5.07 MB compressed",
            f"  {Digest.of_bytes(b'manifest')}",
            "  written to oci:out",
        ]
    )


def test_reused_layers_are_said_to_be_so_on_every_platform() -> None:
    lines = build_lines(build_result(built_image(torch=5_000_000, reused=True), built_image(torch=10)))
    assert "built app:latest in 1.23 s: 2 layers (1 made, 1 reused), 5.00 MB, 10 B compressed" in lines


def test_json_has_the_keys_that_buildkits_metadata_file_has() -> None:
    document = build_json(build_result(built_image(torch=5)))
    json.dumps(document)
    assert document["containerimage.digest"] == Digest.of_bytes(b"manifest")
    assert document["containerimage.descriptor"]["size"] == len(b"manifest")
    (image,) = document["images"]
    assert (image["platform"], image["size_bytes"], image["unpacked_bytes"]) == ("linux/amd64", 5, 15)
    assert image["layers"][0]["title"] == "torch"
    assert image["layers"][0]["reused"] is False


def test_what_is_attached_is_told_once_and_by_digest_in_json() -> None:
    document, artifact = describe(b"{}", "text/json"), describe(b"[]", media_types.MANIFEST)
    image = replace(built_image(torch=5), attached=(Attachment("text/json", artifact, document),))
    result = build_result(image, image)
    assert build_lines(result).count("  attached: text/json") == 1
    expected = {"artifact_type": "text/json", "digest": artifact.digest, "document": document.digest}
    assert [one["attached"] for one in build_json(result)["images"]] == [[expected], [expected]]
