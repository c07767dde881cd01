"""What BuildKit would not build from is refused, at the line and in words that help."""

from __future__ import annotations

import pickle

import pytest

from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source
from wherry.dockerfile.syntax import DockerfileError
from wherry.errors import InputError


def refused(text: str | bytes) -> DockerfileError:
    source = Source("Dockerfile", text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DockerfileError) as caught:
        parse(source)
    error = caught.value
    assert isinstance(error, InputError)
    assert error.exit_code == 2
    assert error.where == f"Dockerfile:{error.line}"
    assert error.what
    assert error.mend
    assert error.span is not None
    assert error.line <= source.line(error.span.start)
    return error


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "the file is empty"),
        ("\n# nothing\n", 1, "no instruction"),
        ("# escape=x\nFROM x", 1, "escape character is 'x'"),
        ("# escape=`\n# escape=\\\nFROM x", 2, "'escape' is set a second time"),
        ("# syntax=a\n# check=b\n# SYNTAX=c\nFROM x", 3, "'syntax' is set a second time"),
        ("FROM x\nRUN <<EOF\na\n", 2, "'EOF' does not end"),
        ("FROM x\nRUN <<A <<B\nA\n", 2, "'B' does not end"),
        ("FROM x\nRUN <<${X:-\\'}\nA\n", 2, "quote that does not end"),
        ('FROM x\nRUN ["a", 1]', 2, "something other than strings"),
        ("FROM x\nVOLUME [[]]", 2, "something other than strings"),
        ("FROM x\nONBUILD CMD [null]", 2, "something other than strings"),
        ("FROM x\nENV a", 2, "a name but no value"),
        ("FROM x\nLABEL a=b c", 2, "'c' has no '='"),
        ("FROM x\n\nENV a=b \\\n# c\n  d", 3, "'d' has no '='"),
        ("FROM x\nNONSENSE", 2, "no instruction 'NONSENSE'"),
        ("FROM x\nRUN a \\\n b\nEOF", 4, "no instruction 'EOF'"),
        ("\\\n", 1, "no instruction ''"),
        ("RUN a\nFROM x", 1, "RUN stands before the first FROM"),
        ("ARG a\n", 1, "no FROM"),
        ("ARG a\nENV b=c\nFROM x", 2, "ENV stands before"),
        ("FROM", 1, "FROM takes a base"),
        ("FROM a b", 1, "FROM takes a base"),
        ("FROM a as", 1, "FROM takes a base"),
        ("FROM a b c", 1, "FROM takes a base"),
        ("FROM a as b c", 1, "FROM takes a base"),
        ("FROM a as 1b", 1, "'1b' is no name of a stage"),
        ("FROM a as b/c", 1, "'b/c' is no name of a stage"),
        ("FROM --from=x a", 1, "FROM takes no flag '--from'"),
        ("FROM --platform a", 1, "--platform has no value"),
        ("FROM --platform=a --platform=b x", 1, "--platform is given twice"),
        ("FROM x\nCOPY a", 2, "COPY has no destination"),
        ("FROM x\nADD", 2, "ADD has no destination"),
        ('FROM x\nCOPY ["a"]', 2, "COPY has no destination"),
        ("FROM x\nCOPY a <<EOF\nEOF", 2, "COPY has a heredoc for its destination"),
        ("FROM x\nCOPY --checksum=a b c", 2, "COPY takes no flag '--checksum'"),
        ("FROM x\nADD --from=a b c", 2, "ADD takes no flag '--from'"),
        ("FROM x\nCOPY --link=maybe a b", 2, "--link is neither true nor false"),
        ("FROM x\nCOPY --link= a b", 2, "--link is neither true nor false"),
        ("FROM x\nCOPY --FROM=a b c", 2, "COPY takes no flag '--FROM'"),
        ("FROM x\nCOPY --chown a b", 2, "--chown has no value"),
        ("FROM x\nENV --x a=b", 2, "ENV takes no flag '--x'"),
        ("FROM x\nUSER --x a", 2, "USER takes no flag '--x'"),
        ("FROM x\nRUN --mount a", 2, "--mount has no value"),
        ("FROM x\nRUN --mount= a", 2, "--mount: it has no value"),
        ('FROM x\nRUN --mount=a\\"b c', 2, "--mount: a quote stands inside"),
        ("FROM x\nRUN --mount='\"a\"b' c", 2, "--mount: a quoted field does not end"),
        ("FROM x\nRUN --mount='\"a' c", 2, "--mount: a quoted field does not end"),
        ("FROM x\nRUN --mount=type=cache,FROM=$x,target=/a b", 2, "from= takes no variable"),
        ("FROM x\nRUN --network=bridge a", 2, "--network is 'bridge'"),
        ("FROM x\nRUN --network= a", 2, "--network is ''"),
        ("FROM x\nRUN --security=none a", 2, "--security is 'none'"),
        ("FROM x\nRUN --device=a,b=c d", 2, "is no field of a device"),
        ("FROM x\nRUN --device=name=a,name=b d", 2, "it has two names"),
        ("FROM x\nRUN --device=a,required=maybe d", 2, "required is 'maybe', neither"),
        ("FROM x\nENV", 2, "ENV has no argument"),
        ("FROM x\nENV \\\v", 2, "ENV has no argument"),
        (b"FROM x\nHEALTHCHECK -- \xa0x", 2, "HEALTHCHECK has no argument"),
        ("FROM x\nHEALTHCHECK --interval=5x CMD x", 2, "is no interval"),
        ("FROM x\nHEALTHCHECK --interval=s CMD x", 2, "is no interval"),
        ("FROM x\nHEALTHCHECK --interval=- CMD x", 2, "is no interval"),
        ("FROM x\nENV =a", 2, "ENV has a value without a name"),
        ("FROM x\nARG =a", 2, "ARG has a value without a name"),
        ("FROM x\nARG", 2, "ARG has no argument"),
        ("FROM x\nLABEL", 2, "LABEL has no argument"),
        ("FROM x\nEXPOSE", 2, "EXPOSE has no argument"),
        ("FROM x\nUSER", 2, "USER has no argument"),
        ("FROM x\nWORKDIR  ", 2, "WORKDIR has no argument"),
        ("FROM x\nSTOPSIGNAL", 2, "STOPSIGNAL has no argument"),
        ("FROM x\nMAINTAINER", 2, "MAINTAINER has no argument"),
        ("FROM x\nVOLUME", 2, "VOLUME has no argument"),
        ('FROM x\nVOLUME ["/a", " "]', 2, "VOLUME has an empty path"),
        ("FROM x\nVOLUME []", 2, "VOLUME has no argument"),
        ("FROM x\nSHELL", 2, "SHELL has no argument"),
        ("FROM x\nSHELL []", 2, "SHELL has no argument"),
        ("FROM x\nSHELL /bin/bash -c", 2, "JSON form only"),
        ("FROM x\nHEALTHCHECK", 2, "HEALTHCHECK has no argument"),
        ("FROM x\nHEALTHCHECK NONE x", 2, "NONE takes no command"),
        ("FROM x\nHEALTHCHECK CMD", 2, "CMD has no command"),
        ("FROM x\nHEALTHCHECK CMD []", 2, "CMD has no command"),
        ("FROM x\nHEALTHCHECK curl x", 2, "not 'CURL'"),
        ("FROM x\nHEALTHCHECK --interval=5 CMD x", 2, "--interval is '5', which is no interval"),
        ("FROM x\nHEALTHCHECK --timeout=-1s CMD x", 2, "--timeout is '-1s'"),
        ("FROM x\nHEALTHCHECK --start-period=999us CMD x", 2, "is no interval"),
        ("FROM x\nHEALTHCHECK --start-interval=9999999999h CMD x", 2, "is no interval"),
        ("FROM x\nHEALTHCHECK --retries=-1 CMD x", 2, "--retries is '-1', which is no count"),
        ("FROM x\nHEALTHCHECK --retries=1.5 CMD x", 2, "--retries is '1.5'"),
        ("FROM x\nHEALTHCHECK --retries=2147483648 CMD x", 2, "is no count"),
        ("FROM x\nHEALTHCHECK --every=5s CMD x", 2, "HEALTHCHECK takes no flag '--every'"),
        ("FROM x\nONBUILD", 2, "ONBUILD has no instruction"),
        ("FROM x\nONBUILD ONBUILD RUN x", 2, "ONBUILD stands behind ONBUILD"),
        ("FROM x\nONBUILD FROM y", 2, "cannot trigger FROM"),
        ("FROM x\nONBUILD maintainer y", 2, "cannot trigger MAINTAINER"),
        ("FROM x\nONBUILD --x RUN y", 2, "ONBUILD takes no flag '--x'"),
        ("// syntax=docker/dockerfile:1\nFROM x", 1, "this is no instruction"),
        ('{"syntax": "docker/dockerfile:1"}', 1, "this is no instruction"),
    ],
)
def test_what_buildkit_refuses_is_refused_at_the_same_line(text: str | bytes, line: int, what: str) -> None:
    error = refused(text)
    assert what in error.what
    assert error.line == line


def test_the_parsers_complaint_comes_before_the_builders() -> None:
    assert refused("NONSENSE\nCOPY\nRUN [1]\n").line == 3
    assert refused("COPY\nNONSENSE\n").line == 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("FRMO x", "did you mean FROM?"),
        ("FROM x\nENTRYPONT x", "did you mean ENTRYPOINT?"),
        ("FROM x\napt-get install x", "there are ADD, ARG"),
        ("FROM x\nCOPY --form=a b c", "did you mean --from?"),
        ("FROM x\nENV --x a=b", "it takes none"),
    ],
)
def test_what_was_meant_is_guessed(text: str, meant: str) -> None:
    assert meant in refused(text).mend


def test_the_refused_bytes_are_the_flag_or_the_argument_that_is_wrong() -> None:
    text = b"FROM x\nCOPY --link \\\n --form=a b c\n"
    error = refused(text)
    assert error.line == 2  # as BuildKit says: where the instruction begins
    assert error.span is not None
    assert text[error.span.start : error.span.end] == b"--form=a"


@pytest.mark.parametrize(
    "text",
    [
        "HEALTHCHECK --interval= --retries= CMD x",
        "HEALTHCHECK --interval=0 --timeout=+1h2m3.5s --start-period=.5s --retries=+3 CMD x",
        "HEALTHCHECK --interval=0s --timeout=1500\u00b5s --start-interval=1ms CMD x",
        "HEALTHCHECK --interval=-0s --retries=-0 CMD x",
        "RUN --mount=type=nonsense,what=ever x",
        "RUN --mount='type=bind,\"source=a,b\",target=/c' x",
        "RUN --mount=from=a$,target=/b x",
        "RUN --device=nvidia.com/gpu=all,required=true x",
        "RUN --device=required,name=a x",
        'RUN --mount=\'type=bind,"source=a""b",target=/c\' x',
        "RUN --network=none --security=insecure x",
        "COPY --link=FALSE --parents --exclude=a --exclude=b --chmod=755 --from=nowhere a b",
        "ADD --keep-git-dir=true --checksum=sha256:a --unpack=false --chown=1 a b",
        "FROM --platform=$BUILDPLATFORM y AS Z-1._",
        "FROM y AS scratch",
        "FROM y a\u017f context",
        "CMD a\nCMD b\nENTRYPOINT c\nENTRYPOINT d",
        "EXPOSE nonsense",
        "COPY ${x a",
        "COPY <<'E /a",
        "STOPSIGNAL nonsense",
        "ARG --flag a",
    ],
)
def test_what_only_the_build_would_refuse_is_accepted(text: str) -> None:
    parse(Source("Dockerfile", b"FROM x\n" + text.encode()))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"FROM x\n" + b"#" * 65535 + b"\nUSER a", None),
        (b"FROM x\n" + b"#" * 65536 + b"\nUSER a", 2),
        (b"FROM x\nRUN " + b"a" * 65531, None),
        (b"FROM x\nRUN " + b"a" * 65532, 2),
        (b"#" * 70_000, 1),
        (b"FROM x\nRUN a \\\n" + b"b" * 70_000, 3),
    ],
)
def test_lines_are_as_long_as_buildkit_reads_them(data: bytes, line: int | None) -> None:
    if line is None:
        parse(Source("Dockerfile", data))
    else:
        error = refused(data)
        assert error.line == line
        assert "longer than the 65535 bytes" in error.what


def test_a_heredoc_does_not_end_behind_a_line_that_is_too_long() -> None:
    assert "does not end" in refused(b"FROM x\nRUN <<E\n" + b"b" * 70_000 + b"\nE\n").what


def test_an_error_survives_the_trip_from_a_worker_process() -> None:
    error = refused("FROM x\nCOPY a\n")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - what was pickled a moment ago
    assert (again.lines(), again.line, again.span) == (error.lines(), error.line, error.span)


@pytest.mark.parametrize(
    "text",
    [
        "FROM x\nENV TOKEN=a sk-0123456789abcdef0123456789abcdef\n",
        "FROM x\nRUN a\n  --token=sk-0123456789abcdef0123456789abcdef\n",
        "FROM x\nRUN --sk-0123456789abcdef0123456789abcdef a\n",
        "FROM x\nRUN <<sk-0123456789abcdef0123456789abcdef\n",
        "FROM x as sk=0123456789abcdef0123456789abcdef\n",
    ],
)
def test_what_may_be_secret_is_not_shown_whole(text: str) -> None:
    said = "".join(refused(text).lines()).lower()
    assert "0123456789" not in said
    assert "characters" in said


def test_what_cannot_be_printed_is_escaped_in_messages() -> None:
    assert "\x1b" not in "".join(refused(b"FROM x\n\x1b[31mFOO\xff\n").lines())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["FROM x\nRUN a\n", "# of a notebook\nFROM x\n", "\r\nFROM x\r\n"])
def test_what_an_editor_saved_in_utf_16_is_called_that(text: str, encoding: str) -> None:
    error = refused(text.encode(encoding))
    assert error.what == "the file is encoded in UTF-16"
    assert error.mend == "save it as UTF-8"


def test_a_zero_byte_further_on_is_no_utf_16() -> None:
    assert "UTF-16" not in refused(b"FROM x\nNONSENSE\0\n").what
