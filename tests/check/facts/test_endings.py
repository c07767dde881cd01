from __future__ import annotations

import pytest

from tests.check.facts.dockerfiles import facts_of


def test_what_the_last_instructions_leave_is_in_force() -> None:
    facts = facts_of(
        """
        FROM python:3.12 AS base
        WORKDIR /srv
        USER app
        ENV A=1 B=$NOBODY
        ARG SECRET=x
        EXPOSE 8000 9000-9010/udp $PORT nonsense
        VOLUME /data ["/cache"]
        VOLUME ["/models", "/more"]
        STOPSIGNAL SIGINT
        HEALTHCHECK CMD curl -f http://localhost
        FROM base
        WORKDIR app
        """
    )
    ending = facts.target.ending
    assert (ending.user, ending.is_root, ending.workdir) == ("app", False, "/srv/app")
    assert dict(ending.env) == {"A": "1"}
    assert facts.target.env["A"] == "1"
    assert [(port.first, port.last, port.protocol) for port in ending.exposed] == [
        (8000, 8000, "tcp"),
        (9000, 9010, "udp"),
    ]
    assert facts.text(ending.exposed[1].span) == "9000-9010/udp"
    assert ending.volumes[-2:] == ("/models", "/more")
    assert ending.stop_signal == "SIGINT"
    assert ending.healthcheck is not None
    assert ending.user_instruction is not None
    assert ending.user_instruction.keyword == "user"


def test_what_nobody_set_is_what_the_base_is_known_for() -> None:
    plain = facts_of("FROM python:3.12\n").target.ending
    assert (plain.user, plain.is_root, plain.workdir, plain.user_instruction) == ("", True, "/", None)
    assert (plain.entrypoint, plain.cmd, plain.calls, plain.healthcheck, plain.stop_signal) == (
        None,
        None,
        (),
        None,
        "",
    )
    assert facts_of("FROM quay.io/jupyter/base-notebook:x\n").target.ending.user == "jovyan"
    assert facts_of("FROM x\nHEALTHCHECK CMD a\nHEALTHCHECK NONE\n").target.ending.healthcheck is None


@pytest.mark.parametrize(
    ("lines", "program", "arguments"),
    [
        ('CMD ["python", "app.py"]', "python", ("app.py",)),
        ("CMD python app.py --port $PORT", "python", ("app.py", "--port", "80")),
        ('ENTRYPOINT ["uvicorn", "app:app"]\nCMD ["--port", "80"]', "uvicorn", ("app:app", "--port", "80")),
        ('CMD ["a"]\nENTRYPOINT ["b"]', "b", ("a",)),
        ("ENTRYPOINT exec gunicorn app", "gunicorn", ("app",)),
        ("ENTRYPOINT gunicorn app\nCMD x", "gunicorn", ("app",)),
        ('ENTRYPOINT ["b"]\nCMD echo x', "b", ()),
        ('ENTRYPOINT ["/opt/venv/bin/python", "-m", "x"]', "python", ("-m", "x")),
        ('CMD ["bash", "-c", "python app.py"]', "python", ("app.py",)),
        ('ENTRYPOINT ["bash", "-c", "exec \\"$0\\" \\"$@\\""]\nCMD ["python", "a"]', "python", ("a",)),
        ('ENTRYPOINT ["sh", "-c", "exec \\"$@\\"", "--"]\nCMD ["python", "a"]', "python", ("a",)),
        ('ENTRYPOINT ["sh", "-c", "exec nice \\"$@\\"", "--"]\nCMD ["python", "a"]', "python", ("a",)),
        ('ENTRYPOINT ["tini", "--"]\nCMD ["python", "a"]', "python", ("a",)),
        ('ENTRYPOINT ["conda", "run", "-n", "e"]\nCMD ["python", "a"]', "python", ("a",)),
    ],
)
def test_the_command_a_container_starts_with_is_read_in_every_form(
    lines: str, program: str, arguments: tuple[str, ...]
) -> None:
    (call,) = facts_of(f"FROM x\nENV PORT=80\n{lines}\n").target.ending.calls
    assert (call.program, call.texts) == (program, arguments)


def test_an_entry_point_takes_away_the_command_of_the_stage_below_only() -> None:
    below = facts_of('FROM x AS a\nCMD ["c"]\nFROM a\nENTRYPOINT ["e"]\n').target.ending
    assert below.cmd is None
    assert below.calls[0].texts == ()
    same = facts_of('FROM x AS a\nENTRYPOINT ["e"]\nFROM a\nCMD ["c"]\n').target.ending
    assert same.cmd is not None
    assert same.calls[0].texts == ("c",)


def test_an_empty_command_takes_away_what_was_there() -> None:
    ending = facts_of('FROM x\nENTRYPOINT ["e"]\nENTRYPOINT []\nCMD ["c"]\n').target.ending
    assert ending.entrypoint is None
    assert ending.calls[0].program == "c"


def test_the_arguments_of_a_shell_form_are_its_shells() -> None:
    facts = facts_of('FROM x\nSHELL ["/bin/bash", "-ec"]\nCMD echo hi\nSHELL ["/bin/zsh", "-c"]\n')
    cmd = facts.target.ending.cmd
    assert cmd is not None
    assert cmd.argv == ("/bin/bash", "-ec", "echo hi")
    assert not cmd.is_json
    json = facts_of('FROM x\nCMD ["a", "b"]\n').target.ending.cmd
    assert json is not None
    assert json.argv == ("a", "b")


def test_what_an_onbuild_of_the_same_file_says_is_in_force() -> None:
    facts = facts_of('FROM x AS b\nONBUILD CMD a b\nSHELL ["/bin/bash", "-c"]\nFROM b\nHEALTHCHECK None\n')
    ending = facts.target.ending
    assert ending.cmd is not None
    assert ending.cmd.argv == ("/bin/bash", "-c", "a b")
    assert ending.healthcheck is None
