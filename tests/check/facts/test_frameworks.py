from __future__ import annotations

import pytest

from wherry.check.facts.frameworks import wheel_build


@pytest.mark.parametrize(
    ("url", "build", "cuda"),
    [
        ("https://download.pytorch.org/whl/cu121", "cuda", (12, 1)),
        ("https://download.pytorch.org/whl/nightly/cu126", "cuda", (12, 6)),
        ("https://download.pytorch.org/whl/cu111/torch_stable.html", "cuda", (11, 1)),
        ("https://mirror.example.com/pytorch-wheels/cu118/", "cuda", (11, 8)),
        ("https://mirror.example.com/pytorch-wheels/cpu", "cpu", None),
        ("https://mirror.example.com/rocm6.2", "rocm", None),
        ("https://cpu.example.com/simple", "cuda", None),
        ("https://example.com/cpus/simple", "cuda", None),
    ],
)
def test_an_index_tells_what_its_torch_is_built_for_whoever_mirrors_it(
    url: str, build: str, cuda: tuple[int, int] | None
) -> None:
    found = wheel_build("torch", "", [url])

    assert (found.build, found.cuda) == (build, cuda)
