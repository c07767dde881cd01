"""Structs that several threads decode for the first time."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

PROGRAM: Final = """
import sys
import typing
from threading import Barrier, Thread
import msgspec
from wherry.frozen import Frozen, ready

sys.setswitchinterval(1e-6)
HINT = "typing.Annotated[int, msgspec.Meta(ge=0)] | None"
names = [f"f{number}" for number in range(40)]
data = msgspec.json.encode(dict.fromkeys(names, 1))
for number in range(400):
    fields = {"__annotations__": dict.fromkeys(names, HINT), "__module__": __name__}
    kind = type(Frozen)(f"Kind{number}", (Frozen,), fields)
    together = Barrier(4)

    def decode():
        together.wait()
        assert msgspec.json.decode(data, type=ready(kind)).f39 == 1

    threads = [Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_a_struct_is_decoded_first_by_many_threads_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
