r"""A package with all its extras.

Why: `transformers[all]` asks for PyTorch, TensorFlow, JAX, codecs for speech and vision and a test suite's
worth of libraries, `ray[all]` and `unstructured[all-docs]` likewise, where a service uses one of them. An
extra with a name brings what it is named for.

Belongs to G8. Small packages whose `[all]` is small (`uvicorn[standard]`, `httpx[http2]`) are not meant.

## Bad

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir "transformers[all]==4.46.3"
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir "transformers[torch]==4.46.3" "uvicorn[standard]==0.32.1"
```

## Fix

None: which of the extras are used is for the project to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.purpose import is_for_people
from wherry.check.model import Rule, Severity
from wherry.check.rules.bytes._asked import asked_by
from wherry.check.rules.bytes._carried import carried_installs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding

_ALL: Final = frozenset({"all", "all-docs", "complete", "full", "everything"})
_LARGE: Final = frozenset(
    {
        *("transformers", "ray", "unstructured", "dask", "apache-airflow", "haystack-ai", "farm-haystack"),
        *("langchain", "langchain-community", "llama-index", "diffusers", "datasets", "accelerate", "mlflow"),
        *("gluonts", "autogluon", "pycaret", "sktime", "kats", "spacy", "allennlp", "nemo-toolkit", "optuna"),
        *(
            "gymnasium",
            "gym",
            "stable-baselines3",
            "crewai",
            "pyautogen",
            "deepspeed",
            "litellm",
            "marker-pdf",
        ),
    }
)
"""Distributions whose collected extras weigh hundreds of megabytes."""


def _check(facts: Facts) -> Iterator[Finding]:
    if is_for_people(facts):
        return
    for install in carried_installs(facts):
        if not install.is_python or not install.brings_packages:
            continue
        for asked in asked_by(install):
            extra = next((one for one in asked.extras if one in _ALL), "")
            if extra and asked.name in _LARGE:
                yield RULE.at(
                    asked.place,
                    f"{asked.name}[{extra}] brings every optional dependency there is",
                    why="a service uses some of them, and all are installed",
                )


RULE = Rule("G20", "all-extras", Severity.INFO, _check)
