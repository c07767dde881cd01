from __future__ import annotations

import platform as host

import pytest

from wherry.errors import InputError
from wherry.oci.platform import Platform


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("linux/amd64", "linux/amd64"),
        ("arm64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        (" Linux/x86_64 ", "linux/amd64"),
        ("aarch64", "linux/arm64"),
    ],
)
def test_platforms_are_known_by_all_their_names(text: str, meant: str) -> None:
    assert str(Platform.parse(text)) == meant


@pytest.mark.parametrize("text", ["", "windows/amd64", "linux/amd64/v3", "linux/arm/v7", "linux/arm64/v8/x"])
def test_a_platform_we_do_not_build_for_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not one wherry builds for"):
        Platform.parse(text)


def test_the_host_is_a_linux_platform_of_its_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "machine", lambda: "aarch64")
    assert str(Platform.of_host()) == "linux/arm64"
    assert Platform.of_host().machine == "aarch64"
