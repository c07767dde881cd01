"""Kubernetes is told to refuse root, and the image names its user instead of numbering it.

Why: with `runAsNonRoot` the kubelet must know that the user is not 0 before it starts the container, and it
reads no /etc/passwd: the pod ends in CreateContainerConfigError, "image has non-numeric user".

## Bad

```dockerfile
FROM python:3.12-slim
RUN useradd --uid 10001 app
USER app
CMD ["python", "serve.py"]
```

```yaml k8s/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      securityContext:
        runAsNonRoot: true
      containers:
        - name: api
          image: registry.example/team/api:1.4.0
```

## Fixed

```dockerfile
FROM python:3.12-slim
RUN useradd --uid 10001 app
USER 10001
CMD ["python", "serve.py"]
```

## Good

```dockerfile
FROM python:3.12-slim
RUN useradd --uid 10001 app
USER 10001
CMD ["python", "serve.py"]
```

```yaml k8s/pod.yaml
apiVersion: v1
kind: Pod
metadata: {name: api}
spec:
  securityContext: {runAsNonRoot: true}
  containers:
    - name: api
      image: registry.example/team/api:1.4.0
```

## Fix

Safe, where a RUN of the same chain gives that user its number by `useradd --uid` or `adduser --uid`: the
number takes the name's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.facts.accounts import number_of
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    said = facts.target.ending.user_instruction
    user = facts.target.ending.user.partition(":")[0]
    if facts.context is None or said is None or user.isdecimal() or user in {"", "root"} or "$" in user:
        return
    for one in facts.running:
        flag = one.container.run_as_non_root
        if flag is not None and flag.value == "true" and one.container.run_as_user is None:
            yield RULE.at(
                facts.place(said.span),
                f"USER {user} is a name, and the {one.workload.kind} wants to know that it is not root",
                why="the container does not start: the kubelet cannot tell which number the name has",
                related=[flag.place],
                fix=_fix(facts, user),
            )
            return


def _fix(facts: Facts, user: str) -> Fix | None:
    said = facts.target.ending.user_instruction
    number = number_of(facts.target, user)
    if said is None or number is None or number == "0" or said.values != (user,):
        return None
    return Fix(
        f"number the user: {number}",
        (Edit(facts.file.name, said.arguments[0].span, number),),
        Safety.SAFE,
        Effect(frozenset({said.index}), aspects=frozenset({Aspect.USER})),
    )


RULE = Rule("H2", "nonroot-user-by-name", Severity.ERROR, _check, also=("DL3066",))
