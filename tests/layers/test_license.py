from __future__ import annotations

from email import message_from_string

import pytest

from wherry.layers.license import license_of


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: BSD", "MIT OR Apache-2.0"),
        ("License: BSD 3-Clause", "BSD 3-Clause"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("License: one\n        two\nClassifier: License :: Public Domain", "Public Domain"),
        ("License: " + "x" * 201, ""),
        ("License: MIT \x1b[31m", ""),
        ("Classifier: License :: OSI Approved\nClassifier: Topic :: Software", ""),
        ("Classifier: License :: B\nClassifier: License :: A", "A OR B"),
        (f"Classifier: License :: {'x' * 300}", ""),
        ("Name: app", ""),
    ],
    ids=["expression", "field", "unknown", "text", "long", "escape", "family", "several", "endless", "none"],
)
def test_the_licence_is_what_metadata_tells_in_one_short_line(metadata: str, told: str) -> None:
    assert license_of(message_from_string(metadata + "\n\n")) == told
