"""CI builds the image and nothing scans it.

Why: a Python image has a few hundred Debian packages and as many wheels; which of them have a known
vulnerability changes every day without a commit. A scan in the workflow that builds the image is one step.

## Bad

```dockerfile
FROM python:3.12-slim
CMD ["python", "serve.py"]
```

```yaml .github/workflows/image.yml
name: image
on: push
jobs:
  image:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: docker/build-push-action@v6
        with:
          push: true
          tags: registry.example/team/api:${{ github.sha }}
```

## Good

```dockerfile
FROM python:3.12-slim
CMD ["python", "serve.py"]
```

```yaml .github/workflows/image.yml
name: image
on: push
jobs:
  image:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: docker/build-push-action@v6
        with:
          tags: registry.example/team/api:${{ github.sha }}
      - uses: aquasecurity/trivy-action@0.28.0
        with:
          image-ref: registry.example/team/api:${{ github.sha }}
```

## Fix

None: add a step of the scanner the team has (trivy, grype, docker scout, the registry's own) behind the
build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.facts.deployments import is_build_of, is_told
from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    workflows = facts.workflows
    builders = [workflow for workflow in workflows if workflow.builds_images]
    if not builders or any(workflow.scans_images for workflow in workflows):
        return
    if any(workflow.calls for workflow in builders):
        return  # what a reusable workflow does is not seen
    builds = [build for workflow in builders for build in workflow.builds]
    mine = [build for build in builds if is_build_of(facts, build)]
    first = next(iter(mine or (build for build in builds if not is_told(build))), None)
    if first is None:
        return  # it builds other Dockerfiles
    yield RULE.at(
        first.text.place,
        "the image is built here and scanned nowhere",
        why="a known vulnerability in one of its packages goes unseen until somebody else finds it",
    )


RULE = Rule("H14", "no-image-scan", Severity.INFO, _check)
