"""The command an image starts: what ``[tool.wherry]`` says, else what the project plainly is.

The order, from what a project states to what can only be guessed: a script of ``[project.scripts]``, a
package with ``__main__``, a web application or interface that a locked server can serve, a module with a main
guard. The first of these that the project has is taken where it has one of it; several, or none, is an error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError
from wherry.project.programs import read_programs
from wherry.project.servers import serve
from wherry.project.source import source_files

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from wherry.project.metadata import Script
    from wherry.project.programs import Program, Reading
    from wherry.project.project import Project
    from wherry.project.source import SourceTree

_LISTED: Final = 5
_USUAL_VARIABLES: Final = ("app", "application", "api", "asgi", "wsgi", "server")
_STREAMLIT_DEFAULT: Final = "streamlit_app.py"


@dataclass(frozen=True, slots=True)
class Command:
    """What an image starts, and what must be so for it to work."""

    argv: tuple[str, ...]  # exec form
    reason: str  # why this one, for the plan
    place: str  # file:line it comes from
    ports: tuple[int, ...] = ()  # what it will listen on; TCP
    env: dict[str, str] = field(default_factory=dict)  # what it must find in its environment
    python_path: tuple[
        str, ...
    ] = ()  # directories of the source tree that must be on sys.path; "." is the workdir
    needs_source: bool = (
        False  # it starts something of the source tree that the project's wheel does not hold
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    label: str  # "FastAPI application app"
    command: Command
    program: Program | None = None


def find_command(project: Project, available: Collection[str], tree: SourceTree | None = None) -> Command:
    """The command of *project*'s image.

    Args:
        project: The project.
        available: Normalized names of the locked distributions: an application needs a server among them.
        tree: The project's files, where they have been found already.

    Raises:
        InputError: There are several candidates, or none; the message lists them and the line to add.

    """
    if project.config.command:
        node = project.pyproject.root.get("tool", "wherry", "command") if project.pyproject else None
        needs_source = not project.has_build_system or _names_source(project, project.config.command)
        return Command(
            project.config.command,
            "command in [tool.wherry]",
            node.where if node else "",
            ports=_configured_ports(project),
            python_path=_source_roots(project) if needs_source else (),
            needs_source=needs_source,
        )
    scripts = _main_scripts(project)
    if len(scripts) == 1:
        return _script_command(project, scripts[0])
    reading = read_programs((tree or source_files(project)).files, is_installed=project.has_build_system)
    ranks = _ranked(project, reading, available)
    if scripts:
        ranks.insert(0, [_Candidate(f"script {s.name}", _script_command(project, s)) for s in scripts])
    best = next((rank for rank in ranks if rank), [])
    if len(best) == 1:
        return best[0].command
    raise _undecided(project, best, reading, available)


def _configured_ports(project: Project) -> tuple[int, ...]:
    return tuple(port.number for port in project.config.ports if port.protocol == "tcp")


def _source_roots(project: Project) -> tuple[str, ...]:
    """The directories that a source tree's own imports may start from."""
    src = project.root / "src"
    return (".", "src") if src.is_dir() and not (src / "__init__.py").exists() else (".",)


def _names_source(project: Project, argv: Sequence[str]) -> bool:
    """Whether a command starts a file of the tree, or a module beside the package, that no wheel holds."""
    for word in argv[1:]:
        module = word.split(":")[0].replace(".", "/")
        if word.endswith(".py") and (project.root / word).is_file():
            return True
        is_package = (project.root / module.split("/")[0] / "__init__.py").exists()
        if module and not is_package and (project.root / f"{module}.py").is_file():
            return True
    return False


def _main_scripts(project: Project) -> Sequence[Script]:
    """The scripts that may be meant: the one that has the project's name, else all."""
    names = {project.image_name, project.name.lower().replace("_", "-")}
    same = [script for script in project.scripts if script.name.lower().replace("_", "-") in names]
    return same if len(same) == 1 else project.scripts


def _script_command(project: Project, script: Script) -> Command:
    if project.has_build_system:
        return Command((script.name,), f"script {script.name} in [project.scripts]", script.where)
    name = script.function.split(".")[0]
    code = f"import sys; from {script.module} import {name}; sys.exit({script.function}())"
    top = script.module.split(".")[0]
    root = (
        "src"
        if (project.root / "src" / top).exists() or (project.root / "src" / f"{top}.py").exists()
        else "."
    )
    return Command(
        ("python", "-c", code),
        f"script {script.name} in [project.scripts], called directly as no build system installs it",
        script.where,
        python_path=(root,),
        needs_source=True,
    )


def _ranked(project: Project, reading: Reading, available: Collection[str]) -> list[list[_Candidate]]:
    """Candidates that can be started, best rank first, without those that are parts of others."""
    packages = [program for program in reading.programs if program.kind == "package"]
    top = min((program.module.count(".") for program in packages), default=0)
    packages = [program for program in packages if program.module.count(".") == top]
    mains = [program for program in reading.programs if program.kind == "main"]
    served = [program for program in reading.programs if program.kind not in {"package", "main"}]
    served = [program for program in served if serve(program, available, 0)]
    return [
        [_candidate(project, program, available) for program in _main_parts(rank)]
        for rank in (packages, _one_django(_usual(served), available), mains)
    ]


def _main_parts(programs: list[Program]) -> list[Program]:
    """A program whose module another one imports is part of that one: mounted, or a self-test."""
    if len(programs) < 2:  # noqa: PLR2004 - one is one
        return programs
    imported = {name for program in programs for name in program.imports if name != program.module}
    main = [program for program in programs if not program.module or program.module not in imported]
    return main or programs


def _usual(programs: list[Program]) -> list[Program]:
    """Of several in a file the one of the usual name; of several Streamlit scripts Streamlit's default."""
    chosen: list[Program] = []
    for relative in dict.fromkeys(program.relative for program in programs):
        here = [program for program in programs if program.relative == relative]
        by_name = {program.variable: program for program in here}
        usual = next((by_name[name] for name in _USUAL_VARIABLES if name in by_name), None)
        chosen += [usual] if usual else here
    default = [program for program in chosen if program.relative.rpartition("/")[2] == _STREAMLIT_DEFAULT]
    return default if len(default) == 1 and all(p.kind == "streamlit" for p in chosen) else chosen


def _one_django(programs: list[Program], available: Collection[str]) -> list[Program]:
    """Django writes both asgi.py and wsgi.py: the locked server says which is meant."""
    django = {program.kind: program for program in programs if program.framework == "Django"}
    if "asgi" not in django or "wsgi" not in django:
        return programs
    unwanted = django["wsgi"] if "daphne" in available or "channels" in available else django["asgi"]
    return [program for program in programs if program is not unwanted]


def _candidate(project: Project, program: Program, available: Collection[str]) -> _Candidate:
    configured = _configured_ports(project)
    in_wheel = project.has_build_system and program.in_package and _starts_by_name(program)
    where = project.place(program.relative, program.line)
    served = serve(program, available, configured[0] if len(configured) == 1 else 0)
    if served:
        argv, port, env, server = served
        label = f"{program.framework} {'factory' if program.is_factory else 'application'}"
        label = f"{label} {program.variable}" if program.variable else f"{program.framework} script"
        reason = f"{label}, served by {server}" if server else label
        ports: tuple[int, ...] = (port,)
    else:
        label = f"package {program.module} with __main__" if program.kind == "package" else "main guard"
        argv, env, ports = _start(program), {}, configured
        reason = label
    command = Command(
        argv,
        f"{reason} in {program.relative}",
        where,
        ports,
        env,
        python_path=() if in_wheel else (program.source_root,),
        needs_source=not in_wheel,
    )
    return _Candidate(label, command, program)


def _starts_by_name(program: Program) -> bool:
    """Whether the command imports the program, rather than open its file."""
    by_path = program.kind == "streamlit" or "/" not in program.relative
    return bool(program.module) and not by_path


def _start(program: Program) -> tuple[str, ...]:
    """How Python itself starts a module: by path at the top of the tree, else by name."""
    if program.module and ("/" in program.relative):
        return ("python", "-m", program.module)
    return ("python", program.relative)


def _undecided(
    project: Project, best: list[_Candidate], reading: Reading, available: Collection[str]
) -> InputError:
    """The error for several candidates or none, in three lines however many there are."""
    if best:
        listed = [f"{candidate.label} ({candidate.command.place})" for candidate in best[:_LISTED]]
        more = f" and {len(best) - _LISTED} more" if len(best) > _LISTED else ""
        what = f"{len(best)} commands are possible: {', '.join(listed)}{more}"
        argv = best[0].command.argv
    else:
        unserved = [p for p in reading.programs if p.kind in {"asgi", "wsgi"} and not serve(p, available, 0)]
        what = "no command found: no script, no package with __main__, no application, no main guard"
        if unserved:
            first = unserved[0]
            server = "uvicorn" if first.kind == "asgi" else "gunicorn"
            place = project.place(first.relative, first.line)
            what = f"the {first.framework} application in {place} has no server in the lock: add {server}"
        elif reading.skipped:
            what += f" (skipped {', '.join(reading.skipped[:2])})"
        argv = ("python", "-m", "your_module")
    return InputError(
        what,
        where=project.place("pyproject.toml"),
        mend=f"say which below [tool.wherry]: command = {json.dumps(list(argv))}",
    )
