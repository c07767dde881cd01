"""What hadolint 2.15.1 and tally 0.45.0 print of one small Dockerfile."""

from __future__ import annotations

from wherry.dockerfile.source import Source

DOCKERFILE = Source(
    "Dockerfile",
    b"""\
FROM python:latest
RUN pip install torch && \\
    echo "\xc3\xa4" $(ls *.txt)
CMD python app.py
""",
)

HADOLINT = b"""[\
{"code":"DL3007","column":1,"file":"%(path)s","level":"warning","line":1,"message":"Using latest is prone"},\
{"code":"SC2046","column":1,"file":"%(path)s","level":"warning","line":2,"message":"Quote this"},\
{"code":"DL3042","column":1,"file":"%(path)s","level":"warning","line":2,"message":"Avoid cache"},\
{"code":"DL3057","column":1,"file":"%(path)s","level":"style","line":0,"message":"HEALTHCHECK missing"},\
{"code":"DL3025","column":1,"file":"%(path)s","level":"error","line":4,"message":"Use JSON"}]
"""

TALLY = b"""{
 "files": [{"file": "%(path)s", "violations": [
  {"location": {"file": "%(path)s", "start": {"line": -1, "column": -1}, "end": {"line": -1, "column": -1}},
   "rule": "hadolint/DL3057", "message": "HEALTHCHECK instruction missing", "detail": "Add one.\\nOr none.",
   "severity": "info", "docUrl": "https://example.org/"},
  {"location": {"file": "%(path)s", "start": {"line": 1, "column": 0}, "end": {"line": 1, "column": 0}},
   "rule": "hadolint/DL3007", "message": "using :latest", "severity": "warning", "sourceCode": "FROM x"},
  {"location": {"file": "%(path)s", "start": {"line": 2, "column": 0}, "end": {"line": -1, "column": -1}},
   "rule": "tally/newline-between-instructions", "message": "expected blank line", "severity": "style"},
  {"location": {"file": "%(path)s", "start": {"line": 3, "column": 13}, "end": {"line": 3, "column": 24}},
   "rule": "shellcheck/SC2046", "message": "Quote this", "severity": "warning"},
  {"location": {"file": "%(path)s", "start": {"line": 4, "column": 0}, "end": {"line": 4, "column": 0}},
   "rule": "buildkit/JSONArgsRecommended", "message": "JSON arguments", "severity": "error"}
 ]}],
 "summary": {"total": 5}, "files_scanned": 1, "rules_enabled": 128
}"""


def printed(output: bytes, path: str) -> bytes:
    """The output for the file at *path*."""
    return output.replace(b"%(path)s", path.encode())
