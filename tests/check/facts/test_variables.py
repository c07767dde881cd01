from __future__ import annotations

from tests.check.facts.dockerfiles import facts_of


def test_each_name_is_told_with_its_bytes() -> None:
    facts = facts_of(
        """
        ARG VERSION=3.12
        FROM python:$VERSION
        ARG TOKEN
        ARG A=1 B="two words"
        ENV X=$A Y='it is' Z=$NOBODY
        ENV LEGACY some value
        LABEL org.x="y"
        """
    )
    found = [(v.kind, v.name, v.raw, v.value, v.is_known) for v in facts.variables]
    assert found == [
        ("arg", "VERSION", "3.12", "3.12", True),
        ("arg", "TOKEN", None, "", False),
        ("arg", "A", "1", "1", True),
        ("arg", "B", '"two words"', "two words", True),
        ("env", "X", "$A", "1", True),
        ("env", "Y", "'it is'", "it is", True),
        ("env", "Z", "$NOBODY", "${NOBODY}", False),
        ("env", "LEGACY", "some value", "some value", True),
        ("label", "org.x", '"y"', "y", True),
    ]
    spans = {
        v.name: (facts.text(v.name_span), facts.text(v.value_span) if v.value_span else None)
        for v in facts.variables
    }
    assert spans["B"] == ("B", '"two words"')
    assert spans["TOKEN"] == ("TOKEN", None)
    assert spans["VERSION"] == ("VERSION", "3.12")
    assert spans["Y"] == ("Y", "'it is'")
    assert [v.name for v in facts.global_args] == ["VERSION"]


def test_a_value_that_names_a_variable_is_known_to() -> None:
    facts = facts_of('FROM scratch\nENV PATH=/opt/bin:$PATH A="${PATH:-x}" B=$PATHS C=plain\n')
    assert [v.refers_to("PATH") for v in facts.variables] == [True, True, False, False]


def test_names_of_secrets_are_told_whatever_their_values() -> None:
    facts = facts_of(
        "FROM scratch\nARG HF_TOKEN\nENV TOKENIZERS_PARALLELISM=false WANDB_API_KEY=\nLABEL token=x\n"
    )
    assert [v.name for v in facts.secret_names] == ["HF_TOKEN", "WANDB_API_KEY"]
