from __future__ import annotations

import subprocess
import sys

# Each costs milliseconds that `wherry --version` and a build with nothing to do must not pay.
HEAVY = {
    "asyncio",
    "deflate",
    "email.message",
    "importlib.metadata",
    "installer",
    "isal",
    "multiprocessing",
    "packaging",
    "pysequoia",
    "rich",
    "ssl",
    "urllib.request",
    "urllib3",
    "zstandard",
}


def modules_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines())


def test_the_command_line_starts_without_what_only_some_commands_need() -> None:
    bare = modules_after("")
    loaded = modules_after("import wherry.cli.main") - bare
    assert not loaded & HEAVY


def test_saying_the_version_loads_no_room_but_the_command_line() -> None:
    loaded = modules_after(
        "from wherry.__main__ import main\nsys.argv = ['wherry', '--version']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    rooms = {name.split(".")[1] for name in loaded if name.startswith("wherry.")}
    assert rooms <= {"__main__", "cli", "errors", "progress", "report"}
