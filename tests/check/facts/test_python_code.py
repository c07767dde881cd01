from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.facts.dockerfiles import facts_of, run_of
from wherry.check.facts.python_code import PythonCode, code_calls, downloads_of, parse_code


def found_in(code: str) -> list[tuple[str, str, str]]:
    tree = parse_code(code)
    assert tree is not None
    return list(downloads_of(tuple(code_calls(tree))))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("snapshot_download('a/b')", ("huggingface", "a/b", "")),
        (
            "import huggingface_hub as h; h.snapshot_download(repo_id='a/b', revision='v1')",
            ("huggingface", "a/b", "v1"),
        ),
        ("AutoModel.from_pretrained('bert-base-uncased')", ("huggingface", "bert-base-uncased", "")),
        ("from transformers import pipeline; pipeline('ner', model='a/b')", ("huggingface", "a/b", "")),
        ("pipeline('ner', 'a/b')", ("huggingface", "a/b", "")),
        ("pipeline('ner')", ("huggingface", "", "")),
        ("SentenceTransformer(MODEL)", ("huggingface", "", "")),
        ("from torch import hub; hub.load('x/y', 'z')", ("torch", "x/y", "")),
        ("import torch.hub; torch.hub.load('x/y', 'z')", ("torch", "x/y", "")),
        ("nltk.download('punkt')", ("nltk", "punkt", "")),
        ("import spacy; spacy.cli.download('en')", ("spacy", "en", "")),
        ("from whisper import load_model\nload_model('base')", ("weights", "base", "")),
        ("urllib.request.urlretrieve('https://h/m.pt', 'm.pt')", ("http", "https://h/m.pt", "")),
        ("requests.get('https://h/x')", ("http", "https://h/x", "")),
        ("load_dataset('squad')", ("dataset", "squad", "")),
        ("import gdown; gdown.download(id='1', output='x')", ("gdrive", "1", "")),
        ("timm.create_model('resnet50', pretrained=True)", ("weights", "resnet50", "")),
    ],
)
def test_what_well_known_libraries_fetch_is_told(code: str, expected: tuple[str, str, str]) -> None:
    assert found_in(code) == [expected]


@pytest.mark.parametrize(
    "code",
    [
        "print('hello')",
        "AutoModel.from_pretrained('./model')",
        "AutoModel.from_pretrained('/models/a')",
        "AutoModel.from_pretrained('a/b', local_files_only=True)",
        "csv.Reader(f)",
        "Base.metadata.create_model('x')",
        "model()()",
    ],
)
def test_what_fetches_nothing_is_no_download(code: str) -> None:
    assert found_in(code) == []


def test_code_of_dash_c_is_read_where_it_stands() -> None:
    run = run_of(
        "pip install x && python3 -c \"from huggingface_hub import snapshot_download as s; s('a/b')\""
    )
    (code,) = run.python
    assert run.stage.facts.text(code.span).startswith('"from huggingface_hub')
    (found,) = code.downloads
    assert (found.kind, found.source, found.in_python, found.is_weights) == ("huggingface", "a/b", True, True)
    assert run.downloads == (found,)
    assert code.imports == ("huggingface_hub",)


def test_a_script_file_is_no_code_of_the_run() -> None:
    assert run_of("python app.py && python -V && python -c").python == ()


@pytest.mark.parametrize("code", ["def (", "x = '\0'", "(" * 5000, "[" * 300 + "]" * 300, "x" * 2_000_000])
def test_what_is_no_code_or_beyond_measure_gives_nothing(code: str) -> None:
    run = run_of("true")
    found = PythonCode(code, run.calls[0], run.span)
    assert (found.tree, found.calls, found.downloads, found.imports) == (None, (), (), ())


def test_an_unknown_escape_in_their_code_is_no_warning_of_ours() -> None:
    assert parse_code("re.compile('\\d')") is not None


@given(st.text(alphabet="()[]{}.,='\"abdef _from_pretrained import\n", max_size=80))
def test_no_code_is_a_failure(code: str) -> None:
    tree = parse_code(code)
    if tree is not None:
        list(downloads_of(tuple(code_calls(tree))))


def test_code_in_a_heredoc_is_read() -> None:
    code = "import nltk\nnltk.download('punkt')\n"
    for text in (
        f"FROM x\nRUN python3 <<EOF\n{code}EOF\n",
        f"FROM x\nRUN python3 - <<'EOF'\n{code}EOF\n",
        f"FROM x\nRUN <<EOF\n#!/usr/bin/env python3\n{code}EOF\n",
    ):
        facts = facts_of(text)
        (found,) = facts.runs[0].downloads
        assert (found.kind, found.source) == ("nltk", "punkt")
        assert facts.text(found.span).endswith(code)
    assert facts_of(f"FROM x\nRUN python3 read.py <<EOF\n{code}EOF\n").runs[0].python == ()
    assert facts_of(f"FROM x\nRUN <<EOF\n#!/usr/bin/perl\n{code}EOF\n").runs[0].python == ()
