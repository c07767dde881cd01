from __future__ import annotations

import base64
import csv
import hashlib

import pytest

from wherry.layers.record import FileHash, RecordError, Row, hash_text, installed_record, read_rows


def test_every_strong_hash_is_checked() -> None:
    for name in ("sha256", "sha384", "sha512", "sha3_256", "blake2b"):
        value = base64.urlsafe_b64encode(hashlib.new(name, b"content").digest()).decode().rstrip("=")
        expected = FileHash.parse(f"{name}={value}")
        expected.check(b"content")
        assert list(expected.checked([(b"", b"con"), (b"", b"tent")], beside=True))
        with pytest.raises(RecordError, match="not the one in RECORD"):
            expected.check(b"contents")
        with pytest.raises(RecordError, match="not the one in RECORD"):
            list(expected.checked([(b"", b"contents")], beside=False))


@pytest.mark.parametrize(
    "text", ["md5=abc", "sha1=abc", "sha224=abc", "sha256", "", "sha256=!!!", "sha256=é", "nonsense=a"]
)
def test_weak_and_broken_hashes_are_refused(text: str) -> None:
    with pytest.raises(RecordError):
        FileHash.parse(text)


def test_lines_that_are_not_three_fields_are_refused() -> None:
    assert read_rows('a,sha256=x,1\n\n"b,c",,\n') == [Row("a", "sha256=x", "1"), Row("b,c", "", "")]
    for text in ("a,b\n", "a,b,c,d\n", "a" * 200_000 + ",b,c\n"):
        with pytest.raises(RecordError):
            read_rows(text)


def test_the_installed_record_is_sorted_and_names_where_files_went() -> None:
    rows = [
        Row("pkg/b.py", "sha256=b", "1"),
        Row("x.data/scripts/run", "sha256=r", "2"),
        Row("gone.py", "sha256=g", "3"),
    ]
    text = installed_record(
        rows,
        {"pkg/b.py": "pkg/b.py", "x.data/scripts/run": "../../../bin/run", "pkg/unlisted": "pkg/unlisted"},
        {"../../../bin/run": b"#!/x\n"},
        {"../../../bin/made": b"made"},
    )
    assert text.count(b"\r\n") == 5
    assert list(csv.reader(text.decode().splitlines())) == [
        ["../../../bin/made", hash_text(b"made"), "4"],
        ["../../../bin/run", hash_text(b"#!/x\n"), "5"],
        ["gone.py", "sha256=g", "3"],
        ["pkg/b.py", "sha256=b", "1"],
        ["pkg/unlisted", "", ""],
    ]
