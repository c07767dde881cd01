"""Docker itself is asked: what its builder refuses without building anything, we refuse, at the same line.

The daemon is given files through the door that needs no plug-in of the command line (``POST /build``), and
behind it is BuildKit's parser. That of Debian 12 is of 2020: what came later is not asked.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import tarfile
from typing import Final

import pytest

from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source
from wherry.dockerfile.syntax import DockerfileError

pytestmark = pytest.mark.e2e

_TIMEOUT_S: Final = 60
_LINE: Final = re.compile(r"parse error (?:on )?line ([0-9]+)")
_REFUSALS: Final = re.compile(r"(?i)failed to parse|parse error|cannot be empty|no build stage")

REFUSED: Final = {
    "empty file": "",
    "comments only": "# a\n# b\n",
    "unknown instruction": "FROM scratch\n\nINSTALL x\n",
    "lost continuation": "FROM scratch\nRUN a && \\\n  b\n  c\n",
    "two escape directives": "# escape=`\n# escape=\\\nFROM scratch\n",
    "escape is a letter": "# escape=x\nFROM scratch\n",
    "something before FROM": "ENV a=b\nFROM scratch\n",
    "FROM without base": "FROM\n",
    "FROM with two words": "FROM scratch final\n",
    "FROM with a bad name": "FROM scratch AS 1st\n",
    "FROM with an unknown flag": "FROM --from=x scratch\n",
    "COPY without destination": "FROM scratch\nCOPY a\n",
    "ADD without anything": "FROM scratch\nADD\n",
    "COPY with an unknown flag": "FROM scratch\nARG x\nCOPY --form=y a b\n",
    "COPY with a flag twice": "FROM scratch\nCOPY --chown=1 --chown=2 a b\n",
    "COPY with a flag without value": "FROM scratch\nCOPY --chown a b\n",
    "ENV without value": "FROM scratch\nENV a\n",
    "ENV with a word too many": "FROM scratch\nENV a=b c\n",
    "ENV without name": "FROM scratch\nENV =b\n",
    "LABEL without anything": "FROM scratch\nLABEL\n",
    "EXPOSE without anything": "FROM scratch\nEXPOSE\n",
    "USER without anything": "FROM scratch\nUSER\n",
    "WORKDIR with a flag": "FROM scratch\nWORKDIR --x /a\n",
    "STOPSIGNAL without anything": "FROM scratch\n\n\nSTOPSIGNAL\n",
    "VOLUME with an empty path": 'FROM scratch\nVOLUME ["a", " "]\n',
    "SHELL in shell form": "FROM scratch\nSHELL /bin/sh -c\n",
    "SHELL with no words": "FROM scratch\nSHELL []\n",
    "array of numbers": "FROM scratch\nRUN [1, 2]\n",
    "HEALTHCHECK of another kind": "FROM scratch\nHEALTHCHECK curl x\n",
    "HEALTHCHECK NONE with more": "FROM scratch\nHEALTHCHECK NONE x\n",
    "HEALTHCHECK with a bare number": "FROM scratch\nHEALTHCHECK --interval=5 CMD x\n",
    "HEALTHCHECK with no command": "FROM scratch\nHEALTHCHECK --retries=1 CMD\n",
    "ONBUILD without trigger": "FROM scratch\nONBUILD\n",
    "ONBUILD ONBUILD": "FROM scratch\nONBUILD ONBUILD RUN x\n",
    "ONBUILD FROM": "FROM scratch\nONBUILD FROM x\n",
    "mount with a quote inside": 'FROM scratch\nRUN --mount=a\\"b x\n',
    "line too long": "FROM scratch\nRUN " + "a" * 70_000 + "\n",
    "two mistakes, the parser's first": "FROM scratch\nCOPY a\nRUN [1]\n",
}
ACCEPTED: Final = {
    "plain": "FROM scratch\nENV a=b\n",
    "no JSON": "FROM scratch\nCMD ['a']\n",
    "single quotes in JSON": "FROM scratch\nENTRYPOINT [a, b]\n",
    "trigger that is none": "FROM scratch\nONBUILD NONSENSE\n",
    "flag that nobody looks at": "FROM scratch\nSTOPSIGNAL --x 9\n",
    "blank line in a continuation": "FROM scratch\nENV a=b \\\n\n  c=d\n",
    "comment in a continuation": "FROM scratch\nENV a=b \\\n# c\n  c=d\n",
    "escape directive": "# escape=`\nFROM scratch\nENV a=b `\n c=\\\n",
    "byte order mark and carriage returns": "\ufeffFROM scratch\r\nENV a=b \\\r\n  c=d\r\n",
    "keyword in pieces": "FR\\\nOM scratch\nLABEL a=b\n",
    "legacy pairs": "FROM scratch\nENV a b=c d\nLABEL x y\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_docker_refuses_what_we_refuse_at_the_same_line(name: str, docker_host: str) -> None:
    text = REFUSED[name]
    message = _build(docker_host, text)
    assert _REFUSALS.search(message)
    with pytest.raises(DockerfileError) as caught:
        parse(Source("Dockerfile", text.encode()))
    if line := _LINE.search(message):
        assert caught.value.line == int(line[1])


@pytest.mark.parametrize("name", ACCEPTED)
def test_docker_builds_what_we_accept(name: str, docker_host: str) -> None:
    text = ACCEPTED[name]
    assert _build(docker_host, text) == ""
    parse(Source("Dockerfile", text.encode()))


def _build(docker_host: str, dockerfile: str) -> str:
    """What the daemon says against a build of the file; nothing if it builds."""
    connection = _Connection(docker_host.removeprefix("unix://"))
    try:
        headers = {"Content-Type": "application/x-tar"}
        connection.request("POST", "/build?rm=1&forcerm=1", _context(dockerfile.encode()), headers)
        answer = connection.getresponse()
        lines = answer.read().decode().splitlines()
    finally:
        connection.close()
    said = [json.loads(line) for line in lines if line.strip()]
    errors = [entry.get("error") or entry.get("message") for entry in said]
    return "\n".join(str(error) for error in errors if error)


def _context(dockerfile: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile))
    return archive.getvalue()


class _Connection(http.client.HTTPConnection):
    """HTTP over the daemon's socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(self._path)
