"""The facts of one Dockerfile and of what stands beside it: `Facts`, each computed when first asked for.

facts.file, facts.dockerfile, facts.graph        the bytes, the syntax, the stage graph
facts.place(span), facts.text(span)              for findings: where it is, and what stands there
facts.stages                                     `stages.StageFacts`, in the order of the file
facts.target, .shipped                           what is built; its chain, itself first: the image's layers
facts.runs, .copies, .installs                   of all stages, in the order of the file
facts.variables                                  every ENV, ARG and LABEL, those before the first FROM too
facts.global_args                                only those before the first FROM
facts.secrets                                    secret values in the file (`secrets.Secret`)
facts.secret_names                               ENV and ARG whose names are those of secrets
facts.stage_of(instruction), .run_of, .copy_of   from an instruction to its facts
facts.scope_before(stage, instruction)           what is in force (`wherry.dockerfile.stages.Scope`)
facts.context                                    what docker build sends (`context.Context`); None on stdin
facts.project                                    requirements, locks, pyproject.toml (`project.ProjectFacts`)
facts.frameworks                                 torch, jax... that installs bring (`installed.Installed`)
facts.compose, .workloads, .workflows            compose services, Kubernetes workloads, CI files beside it
facts.running                                    containers that run this image (`deployments.Running`)
facts.image                                      with --image (`image.MeasuredImage`), else None
facts.settings                                   ``[tool.wherry.check]``
"""

from __future__ import annotations

import os
from bisect import bisect_right
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wherry.check.facts.known import KnownVariables
from wherry.check.facts.secrets import is_secret_name
from wherry.check.facts.stages import StageFacts
from wherry.check.facts.texts import Reader
from wherry.check.facts.variables import read_variables
from wherry.check.model import Place
from wherry.check.settings import CheckSettings
from wherry.dockerfile.parser import parse
from wherry.dockerfile.stages import build_graph, scope_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.check.facts.compose import ComposeService
    from wherry.check.facts.context import Context
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.deployments import Running
    from wherry.check.facts.image import BuiltImage, MeasuredImage
    from wherry.check.facts.installed import Installed
    from wherry.check.facts.installs import Install
    from wherry.check.facts.kubernetes import KubernetesService, Workload
    from wherry.check.facts.neighbours import Neighbours
    from wherry.check.facts.project import ProjectFacts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.secrets import Secret
    from wherry.check.facts.variables import Variable
    from wherry.check.facts.workflows import Workflow
    from wherry.dockerfile.source import Source, Span
    from wherry.dockerfile.stages import Scope, Stage, StageGraph
    from wherry.dockerfile.syntax import Dockerfile, Instruction

_DOCKER_CLEAN: Final = "/etc/apt/apt.conf.d/docker-clean"
_MOST_STEPS: Final = 200_000
_MOST_RUNS: Final = 3000
_MOST_RUN_BYTES: Final = 4 << 20
_NOWHERE: Final = Path(os.devnull, "stdin")  # a directory that nothing can be in
_NO_ARGS: Final[Mapping[str, str]] = MappingProxyType({})


class Facts:
    """Facts of one Dockerfile. What is given stands at the head of this module.

    Make them with `Facts.of`.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that facts are of
        self,
        dockerfile: Dockerfile,
        graph: StageGraph,
        *,
        context_root: Path | None,
        settings: CheckSettings,
        built: BuiltImage | None,
        reader: Reader,
    ) -> None:
        self.dockerfile = dockerfile
        self.graph = graph
        self.settings = settings
        self.reader = reader
        self.steps_left = _MOST_STEPS  # of looking for where files come from
        self._context_root = context_root
        self._built = built

    @classmethod
    def of(  # noqa: PLR0913 - one for each thing that facts are of
        cls,
        source: Source,
        context_root: Path | None = None,
        *,
        settings: CheckSettings | None = None,
        build_args: Mapping[str, str] = _NO_ARGS,
        target: str | None = None,
        image: BuiltImage | None = None,
        reader: Reader | None = None,
    ) -> Facts:
        """The facts of a Dockerfile.

        Args:
            source: The file; its name is the path that is shown and that neighbours are looked for by.
            context_root: The directory it is built from; None on stdin.
            settings: ``[tool.wherry.check]``; the defaults without.
            build_args: Of ``--build-arg``.
            target: Of ``--target``; the last stage without.
            image: A built image to measure, opened with `image.open_built`.
            reader: Shared by the Dockerfiles of one directory, so that a neighbour is read once.

        Raises:
            DockerfileError: BuildKit would not build it either.
            InputError: There is no stage *target*.

        """
        dockerfile = parse(source)
        return cls(
            dockerfile,
            build_graph(dockerfile, build_args, target),
            context_root=context_root,
            settings=settings or CheckSettings(),
            built=image,
            reader=reader or Reader(),
        )

    def __repr__(self) -> str:
        return f"Facts({self.file.name!r})"

    @property
    def file(self) -> Source:
        """The Dockerfile's bytes and name."""
        return self.dockerfile.source

    @property
    def path(self) -> Path:
        """The Dockerfile's, as the user would open it."""
        return Path(self.file.name)

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be read of the neighbours so far, one sentence each."""
        return tuple(f"{note.path} {note.what}" for note in self.reader.notes)

    def place(self, span: Span) -> Place:
        """Bytes of the Dockerfile as a place for a finding."""
        return Place.of(self.file, span)

    def text(self, span: Span) -> str:
        """What stands there."""
        return self.file.text(span)

    @cached_property
    def stages(self) -> tuple[StageFacts, ...]:
        """Every stage, in the order of the file."""
        return tuple(StageFacts(stage, self) for stage in self.graph.stages)

    @property
    def target(self) -> StageFacts:
        """The stage that is built."""
        return self.stages[self.graph.target.index]

    @cached_property
    def shipped(self) -> tuple[StageFacts, ...]:
        """The target and the stages it is built from, itself first: their layers are the image's."""
        return self.target.chain

    @cached_property
    def shipped_indexes(self) -> frozenset[int]:
        """Indexes of those stages."""
        return frozenset(stage.index for stage in self.shipped)

    @property
    def reachable(self) -> frozenset[int]:
        """Indexes of the stages that the target needs."""
        return self.graph.reachable

    @cached_property
    def runs(self) -> tuple[RunFacts, ...]:
        """The RUNs of all stages."""
        return tuple(run for stage in self.stages for run in stage.runs)

    @cached_property
    def copies(self) -> tuple[CopyFacts, ...]:
        """The COPYs and ADDs of all stages."""
        return tuple(copy for stage in self.stages for copy in stage.copies)

    @cached_property
    def installs(self) -> tuple[Install, ...]:
        """The calls of package managers of all stages."""
        return tuple(install for run in self.runs for install in run.installs)

    @cached_property
    def last_run_read(self) -> int:
        """The index of the last instruction whose commands are read: a file of no honest length has more."""
        left = _MOST_RUN_BYTES
        runs = 0
        for found in self.dockerfile.instructions:
            if found.keyword == "run":
                runs += 1
                left -= found.span.end - found.span.start
                if left < 0 or runs > _MOST_RUNS:
                    self.reader.note(
                        self.file.name, f"has more than is read: only its first {runs - 1} RUNs are"
                    )
                    return found.index - 1
        return len(self.dockerfile.instructions)

    @cached_property
    def docker_clean_gone_at(self) -> tuple[int | None, ...]:
        """For each stage the index of the first RUN, its own or below, that removes apt's docker-clean."""
        gone: list[int | None] = []
        for stage in self.stages:
            below = gone[stage.stage.parent.index] if stage.stage.parent else None
            own = (run.index for run in stage.runs if run.removes(_DOCKER_CLEAN))
            gone.append(next(own, None) if below is None else below)
        return tuple(gone)

    @cached_property
    def global_args(self) -> tuple[Variable, ...]:
        """The ARGs before the first FROM."""
        first = self.graph.stages[0].start.index
        before = self.dockerfile.instructions[:first]
        return tuple(read_variables(((found, self.graph.args) for found in before), self.dockerfile.escape))

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Every name that ENV, ARG and LABEL set, in the order of the file."""
        return (*self.global_args, *(variable for stage in self.stages for variable in stage.variables))

    @cached_property
    def secrets(self) -> tuple[Secret, ...]:
        """Secret values in the file, each once, in order; the values themselves are not kept."""
        from wherry.check.facts.secret_scan import scan_file  # noqa: PLC0415 - that module knows this one

        return scan_file(self)

    @cached_property
    def secret_names(self) -> tuple[Variable, ...]:
        """The ENV and ARG whose names are those of secrets, whatever their values."""
        return tuple(
            variable
            for variable in self.variables
            if variable.kind != "label" and is_secret_name(variable.name)
        )

    def stage_of(self, instruction: Instruction) -> StageFacts | None:
        """The stage an instruction stands in; None before the first FROM."""
        at = bisect_right(self._starts, instruction.index) - 1
        return self.stages[at] if at >= 0 else None

    @cached_property
    def _starts(self) -> list[int]:
        return [stage.start.index for stage in self.graph.stages]

    def run_of(self, instruction: Instruction) -> RunFacts | None:
        """The facts of a RUN; None for another instruction."""
        return self._runs_by_index.get(instruction.index)

    def copy_of(self, instruction: Instruction) -> CopyFacts | None:
        """The facts of a COPY or ADD; None for another instruction."""
        return self._copies_by_index.get(instruction.index)

    @cached_property
    def _runs_by_index(self) -> dict[int, RunFacts]:
        return {run.index: run for run in self.runs}

    @cached_property
    def _copies_by_index(self) -> dict[int, CopyFacts]:
        return {copy.index: copy for copy in self.copies}

    def stage_named(self, reference: str) -> StageFacts | None:
        """The stage that ``--from=reference`` means; None where that is an image."""
        found = self.graph.find(reference)
        return self.stages[found.index] if found else None

    def scope_before(self, stage: Stage, instruction: Instruction) -> Scope:
        """What is in force before an instruction of *stage*."""
        return scope_before(stage, instruction)

    def scope_at_end(self, stage: Stage) -> Scope:
        """What is in force at the end of *stage*."""
        return scope_before(stage, None)

    def known_before(self, instruction: Instruction) -> Mapping[str, str]:
        """The variables that are known before an instruction, ENV and ARG."""
        stage = self.stage_of(instruction)
        if stage is None:
            return self.graph.args
        return KnownVariables(scope_before(stage.stage, instruction))

    @cached_property
    def context(self) -> Context | None:
        """What ``docker build`` sends; None on stdin."""
        from wherry.check.facts.context import Context  # noqa: PLC0415 - not on stdin

        if self._context_root is None:
            return None
        return Context(self._context_root, self.path, reader=self.reader)

    @cached_property
    def project(self) -> ProjectFacts:
        """Requirements, locks and pyproject.toml of the context's root; empty on stdin."""
        from wherry.check.facts.project import ProjectFacts  # noqa: PLC0415 - not every rule asks

        return ProjectFacts(self._context_root or _NOWHERE, self.reader, self.context)

    @cached_property
    def frameworks(self) -> tuple[Installed, ...]:
        """GPU frameworks that the installs of all stages bring."""
        from wherry.check.facts.installed import installed_frameworks  # noqa: PLC0415 - few rules ask

        return installed_frameworks(self)

    @cached_property
    def neighbours(self) -> Neighbours | None:
        """The YAML files around; None on stdin."""
        from wherry.check.facts.neighbours import Neighbours  # noqa: PLC0415 - not on stdin

        return None if self._context_root is None else Neighbours(self.path, self.reader)

    @property
    def compose(self) -> tuple[ComposeService, ...]:
        """The compose services that build this Dockerfile."""
        return self.neighbours.compose if self.neighbours else ()

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """The Kubernetes workloads around, whatever image they run."""
        return self.neighbours.workloads if self.neighbours else ()

    @cached_property
    def running(self) -> tuple[Running, ...]:
        """The containers of Kubernetes workloads that run this image, where that is clear."""
        from wherry.check.facts.deployments import containers_running  # noqa: PLC0415 - few rules ask

        return containers_running(self) if self.workloads else ()

    @property
    def kubernetes_services(self) -> tuple[KubernetesService, ...]:
        """The Kubernetes Services around."""
        return self.neighbours.services if self.neighbours else ()

    @property
    def workflows(self) -> tuple[Workflow, ...]:
        """The CI files of the repository."""
        return self.neighbours.workflows if self.neighbours else ()

    @cached_property
    def image(self) -> MeasuredImage | None:
        """The image given with ``--image``, matched with this file."""
        from wherry.check.facts.image import measure  # noqa: PLC0415 - only with --image

        return measure(self._built, self) if self._built else None
