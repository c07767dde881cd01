"""A Packages file is read as Debian writes it, and refused where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.bases.packages import PackageIndex, Relation, is_package_name, is_pool_path, relations
from wherry.errors import WorldError

DIGEST = "b" * 64


def paragraph(name: str = "a", version: str = "1", **fields: str) -> str:
    values = {
        "Package": name,
        "Version": version,
        "Architecture": "amd64",
        "Filename": f"pool/main/a/{name}_{version}.deb",
        "Size": "10",
        "SHA256": DIGEST,
        **{key.replace("_", "-"): value for key, value in fields.items()},
    }
    return "".join(f"{key}: {value}\n" for key, value in values.items() if value)


def index(*paragraphs: str, architecture: str = "amd64") -> PackageIndex:
    found = PackageIndex(architecture)
    found.add(["\n".join(paragraphs).encode()], "main", "here")
    return found


def test_the_highest_version_wins_wherever_it_is() -> None:
    found = index(paragraph(version="1.9"), paragraph(version="1.10"), paragraph(version="1.10~rc1"))
    found.add([paragraph(version="1.10+deb12u1").encode()], "security", "there")
    newest = found.newest("a")
    assert newest is not None
    assert (newest.version, newest.archive) == ("1.10+deb12u1", "security")


def test_of_equal_versions_the_main_archives_is_taken() -> None:
    found = index(paragraph())
    found.add([paragraph().encode()], "security", "there")
    newest = found.newest("a")
    assert newest is not None
    assert newest.archive == "main"


def test_packages_of_another_architecture_do_not_count() -> None:
    assert index(paragraph(Architecture="i386")).newest("a") is None
    assert index(paragraph(Architecture="all"), architecture="arm64").newest("a") is not None


def test_fields_over_several_lines_are_whole() -> None:
    found = index(paragraph(Depends="b,\n c (>= 1:2)", Pre_Depends="d | e:any", Breaks="f (<< 3)"))
    newest = found.newest("a")
    assert newest is not None
    assert newest.depends == (
        (Relation("d"), Relation("e", architecture="any")),
        (Relation("b"),),
        (Relation("c", ">=", "1:2"),),
    )
    assert newest.conflicts == (Relation("f", "<<", "3"),)


def test_providers_are_found_by_what_they_provide() -> None:
    found = index(paragraph("x", Provides="mail (= 1), v"), paragraph("w", Provides="mail"), paragraph("a"))
    assert [p.name for p in found.providers("mail")] == ["w", "x"]
    assert found.providers("nothing") == []
    assert "x" in list(found.names())


def test_a_version_that_provides_no_more_is_no_provider() -> None:
    assert index(paragraph("x", "1", Provides="mail"), paragraph("x", "2")).providers("mail") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"SHA256": ""},
        {"Size": "many"},
        {"Size": "-1"},
        {"SHA256": "xyz"},
        {"Filename": "../../etc/passwd"},
        {"Filename": "http://other.example/pool/a.deb"},
        {"Filename": "pool/../a.deb"},
        {"Version": "not a version"},
        {"Filename": ""},
    ],
)
def test_a_malformed_entry_is_an_error_when_it_is_asked_for(fields: dict[str, str]) -> None:
    found = index(paragraph(**fields), paragraph("b"))
    assert found.newest("b") is not None
    with pytest.raises(WorldError, match="entry for a"):
        found.newest("a")


def test_a_malformed_name_is_an_error() -> None:
    with pytest.raises(WorldError):
        index(paragraph("../a", Filename="pool/main/a/a.deb")).newest("../a")


@given(st.text(max_size=60))
def test_any_text_is_some_relations(text: str) -> None:
    for group in relations(text):
        for relation in group:
            assert is_package_name(relation.name)
            assert relations(str(relation))[0][0].name == relation.name


def test_an_unversioned_provides_meets_no_version() -> None:
    assert Relation("a").met_by(None)
    assert not Relation("a", ">=", "1").met_by(None)
    assert Relation("a", ">=", "1").met_by("2")


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("pool/main/g/glibc/libc6_2.36-9+deb12u14_amd64.deb", True),
        ("pool/updates/main/c/ca-certificates/ca-certificates_20250419~deb12u2_all.deb", True),
        ("pool/main/x/../y/z.deb", False),
        ("/pool/main/x/z.deb", False),
        ("pool/main/x/z.deb\n", False),
        ("pool//z.deb", False),
        ("pool/main/z.txt", False),
        ("pool/" + "a" * 600 + "/z.deb", False),
    ],
)
def test_pool_paths_lead_nowhere_else(path: str, *, fine: bool) -> None:
    assert is_pool_path(path) is fine
