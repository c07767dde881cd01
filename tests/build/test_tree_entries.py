"""What wherry itself puts into an image: the frame of the virtual environment and the project's sources."""

from __future__ import annotations

from wherry.bases.model import Base, ImageLayer
from wherry.build.tree_entries import environment_entries, source_entries
from wherry.digest import Digest
from wherry.layers.model import Layout
from wherry.oci.platform import Platform
from wherry.project.source import SourceFile

LAYER = ImageLayer(Digest.of_bytes(b"x"), Digest.of_bytes(b"y"), 1, "application/vnd.oci.image.layer", None)


def base(*layers: ImageLayer) -> Base:
    return Base(
        name="debian:trixie",
        platform=Platform.parse("linux/amd64"),
        python=(3, 13),
        python_full_version="3.13.5",
        interpreter="/usr/bin/python3.13",
        glibc=(2, 41),
        layers=layers,
    )


def environment(workdir: str, *layers: ImageLayer) -> dict[str, int]:
    """Owner by path."""
    entries = environment_entries(Layout(python=(3, 13)), base(*layers), "1000:1000", workdir)
    assert len({entry.path for entry in entries}) == len(entries)
    return {entry.path: entry.uid for entry in entries}


def test_the_working_directory_is_there_though_the_project_is_a_wheel() -> None:
    """Bubblewrap makes no directory to start in, nor does any runtime on a read-only root."""
    assert environment("/srv/app")["srv/app"] == 0


def test_a_home_to_work_in_stays_its_users() -> None:
    assert "home/nonroot" not in environment("/home/nonroot")
    assert environment("/home/nonroot", LAYER)["home/nonroot"] == 1000
    assert environment("/app", LAYER)["home/nonroot"] == 1000


def test_sources_lie_below_the_working_directory_with_every_directory_named() -> None:
    files = [
        SourceFile("/p/pkg/run.sh", "pkg/run.sh", executable=True, size_bytes=3),
        SourceFile("/p/a.py", "a.py", executable=False, size_bytes=3),
    ]
    found = {entry.path: (entry.kind, entry.mode) for entry in source_entries(files, "/app")}
    assert found == {
        "app": ("directory", 0o755),
        "app/pkg": ("directory", 0o755),
        "app/pkg/run.sh": ("file", 0o755),
        "app/a.py": ("file", 0o644),
    }
