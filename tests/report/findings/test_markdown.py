"""Markdown for a pull request: nothing that a stranger wrote becomes markup, a link or a mention."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.check.findings import RULES, found, judged, only_rules
from tests.report.findings.reviews import COPY, PIP, hostile_review, review, whole_review
from wherry.report.findings.excerpt import printable
from wherry.report.findings.markdown import markdown_lines
from wherry.report.findings.model import Review

if TYPE_CHECKING:
    from markdown_it.token import Token

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

OURS = {"<br>", "<sub>", "</sub>", "<span>", "</span>"}


def rows(text: str) -> list[list[list[Token]]]:
    """The inline tokens of each cell of each row below a head."""
    found: list[list[list[Token]]] = []
    tokens = READER.parse(text)
    for at, token in enumerate(tokens):
        if token.type == "tr_open":
            found.append([])
        elif token.type == "td_open":
            found[-1].append(tokens[at + 1].children or [])
    return [row for row in found if row]


def words(cell: list[Token]) -> str:
    """What a reader sees of a cell."""
    return "".join(token.content for token in cell if token.type in {"text", "code_inline"})


def written(made: Review) -> str:
    return "\n".join(markdown_lines(made))


def test_a_review_reads_like_this() -> None:
    assert (
        written(whole_review())
        == """\
### wherry check

- **cannot be built**: unknown instruction RUNN, at `broken/Dockerfile:3`; did you mean RUN?

4 findings, together **2.40 GB and 41.0 s a build**

| rule | where | what | cost |
|---|---|---|---|
| warning G1 pip-cache-kept | `app/Dockerfile:3` | **pip keeps its downloads in the layer**<br>they are \
never read again<br>fix: add --no-cache-dir | 2.40 GB and 41.0 s a build <sub>estimated: wheel sizes of \
torch 2.4.1</sub> |
| error D1 weights-copied | `app/Dockerfile:2` | **weights are copied** | 100 B <sub>measured</sub> |
| warning hadolint/DL3025 | `app/Dockerfile:5` | **use JSON notation** |  |
| info H3 shell-form | `app/Dockerfile:5` | **CMD runs in a shell**<br>signals do not reach python<br>fix: \
write it as JSON (unsafe) |  |

`wherry check --fix` mends 1 of them."""
    )


def test_without_findings_it_says_so() -> None:
    assert written(review()).endswith("No findings.")
    assert "No findings" not in written(review(broken=whole_review().broken))


def test_what_costs_less_is_folded_away_and_a_comment_stays_short_enough() -> None:
    text = written(review(*[PIP] * 200))

    assert "<summary>190 more</summary>" in text
    assert len(rows(text)) == 100
    assert "100 are not shown here." in text
    assert len(text) < 65_536


def test_one_finding_is_one_finding() -> None:
    assert "\n1 finding, together **100 B**\n" in written(review(COPY))


def assert_harmless(made: Review) -> None:
    text = written(made)
    shown = rows(text)
    assert len(shown) == len(made.findings)
    for row in shown:
        assert len(row) == 4
        for cell in row:
            for token in cell:
                kinds = {"text", "code_inline", "strong_open", "strong_close", "html_inline"}
                assert token.type in kinds
                assert token.type != "html_inline" or token.content in OURS
        plain = "".join(token.content for cell in row for token in cell if token.type == "text")
        assert not re.search(r"[@#]\w|\w://|(?i:www\.)", plain)
    for line in text.splitlines():
        assert line.isprintable() or "\u200b" in line
        assert not re.match(r"\s*(#{1,6} (?!wherry check)|>|```)", line)


def test_a_hostile_review_is_harmless() -> None:
    assert_harmless(hostile_review())


@given(
    st.text("ab`\\|*_[]()<>!#@&$~:/.w\n\r\t\x1b\u202e{}-+=1 ", max_size=30),
    st.text("ab`\\|*_[]()<>!#@&$~:/.w\n\r\t\x1b\u202e{}-+=1 ", max_size=30),
)
def test_any_name_and_text_is_harmless_and_shown(name: str, text: str) -> None:
    with only_rules(*RULES):
        made = Review((judged(found(name, what=f"x{text}x", why=text), path=name),), lambda _: None)

        assert_harmless(made)
        row = rows(written(made))[0]

    what = words(row[2]).replace("\u200b", "")
    assert what.replace(" ", "").startswith(printable(f"x{text}x").replace(" ", ""))
