"""Over 200 faults on the way to a registry and back: connections that break, processes that are killed.

Whatever happens, a push that ends well has put the image there as it is, a pull has brought it as it is, and
neither the registry nor the store ever holds a blob whose bytes are not those of its digest.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.programs import require_program
from tests.registries import docker_registry
from tests.registry_world.faults import FaultProxy, gaps
from tests.registry_world.images import make_image, make_index
from wherry.build.pull import parse_registry_reference, pull_image
from wherry.build.push import push_stored
from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.fetch.answers import Patience
from wherry.oci.image import StoreSource, blobs_under
from wherry.oci.registry.client import Registries
from wherry.oci.registry.credentials import Keychain
from wherry.progress import SilentProgress
from wherry.store.prune import verify
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry
    from wherry.oci.model import Descriptor

pytestmark = pytest.mark.e2e

SEEDS = 10
BROKEN_CONNECTIONS = 10
"""In each push and each pull of a seed."""

KILLED = 5
"""Processes, in each push and each pull of a seed of `KILL_SEEDS`."""

KILL_SEEDS = 4
HASTE = Patience(connect_s=5, silence_s=5, attempts=3, backoff_s=0.005)
LAYERS = (900_000, 600_000, 300_000, 5_000, 0)
LARGE = (6_000_000, 1_000_000, 500_000)
MOST_RUNS = 60

assert 2 * (SEEDS * BROKEN_CONNECTIONS + KILL_SEEDS * KILLED) >= 200


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("faults")) as found:
        yield found


@dataclass(frozen=True)
class Journey:
    """An image, where it goes, and where it shall come to."""

    registry: DockerRegistry
    repository: str
    image: Descriptor
    departure: Store
    arrival: Store

    def require_arrived_in_registry(self, directory: Path) -> None:
        """Skopeo pulls the image whole, and it is the one that was pushed."""
        copy = [require_program("skopeo"), "copy", "--all", "--preserve-digests"]
        place = f"docker://{self.registry.host}/{self.repository}:v1"
        done = subprocess.run(
            [*copy, "--src-tls-verify=false", place, f"dir:{directory}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert Digest.of_bytes((directory / "manifest.json").read_bytes()) == self.image.digest
        self.require_sound_registry()

    def require_sound_registry(self) -> None:
        """Every blob it accepted is what it is called."""
        for file in self.registry.blob_files():
            assert hashlib.sha256(file.read_bytes()).hexdigest() == file.parent.name

    def require_arrived_in_store(self) -> None:
        """Each blob is there and is what it is called; nothing half-fetched is left."""
        self.require_sound_store()
        source = StoreSource(self.departure, self.image)
        for blob in blobs_under(source, self.image):
            there = self.arrival.blobs.path(blob.digest).read_bytes()
            assert (len(there), Digest.of_bytes(there)) == (blob.size_bytes, blob.digest)
        partial = self.arrival.root / "partial"
        assert not partial.is_dir() or not list(partial.iterdir())

    def require_sound_store(self) -> None:
        assert verify(self.arrival, SilentProgress()) == []


@pytest.fixture
def journey(registry: DockerRegistry, tmp_path: Path, request: pytest.FixtureRequest) -> Journey:
    """Of the image that the test's `make` puts into the store."""
    make: Callable[[Store], Descriptor] = request.param
    departure = Store.open(tmp_path / "departure")
    repository = f"team/{Digest.of_bytes(request.node.name.encode()).hex[:12]}"
    return Journey(registry, repository, make(departure), departure, Store.open(tmp_path / "arrival"))


def small_image(seed: int) -> Callable[[Store], Descriptor]:
    if seed % 4 == 3:
        return lambda store: make_index(store, "app:v1", shared=1_000_000, own=400_000, seed=seed)
    return lambda store: make_image(store, "app:v1", LAYERS, seed=seed)


def larger_image(seed: int) -> Callable[[Store], Descriptor]:
    return lambda store: make_image(store, "app:v1", LARGE, seed=seed)


def journeys(image: Callable[[int], Callable[[Store], Descriptor]], count: int) -> pytest.MarkDecorator:
    """The test once for each seed."""
    each = [pytest.param(image(seed), id=f"seed{seed}") for seed in range(count)]
    return pytest.mark.parametrize("journey", each, indirect=True)


def repeated(run: Callable[[], None]) -> int:
    """Run what may fail for the world's sake until it does not, as a user would; how often that was."""
    for number in range(1, MOST_RUNS + 1):
        try:
            run()
        except WorldError:
            continue
        return number
    pytest.fail(f"it does not get on in {MOST_RUNS} runs")


@pytest.mark.usefixtures("small_chunks")
@journeys(small_image, SEEDS)
def test_broken_connections(journey: Journey, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    random = Random(request.node.name)  # noqa: S311 - not secret
    size = sum(
        blob.size_bytes for blob in blobs_under(StoreSource(journey.departure, journey.image), journey.image)
    )

    with FaultProxy(journey.registry.host, gaps(random, BROKEN_CONNECTIONS, size * 9 // 10), random) as proxy:
        reference = parse_registry_reference(f"{proxy.host}/{journey.repository}:v1")

        def push() -> None:
            with Registries(keychain=Keychain(), patience=HASTE) as registries:
                pushed = push_stored(journey.departure, "app:v1", reference, registries, SilentProgress())
            assert pushed.image.digest == journey.image.digest

        repeated(push)
    assert len(proxy.met) == BROKEN_CONNECTIONS
    journey.require_arrived_in_registry(tmp_path / "copy")

    with FaultProxy(journey.registry.host, gaps(random, BROKEN_CONNECTIONS, size * 9 // 10), random) as proxy:
        reference = parse_registry_reference(f"{proxy.host}/{journey.repository}:v1")

        def pull() -> None:
            try:
                with Registries(keychain=Keychain(), patience=HASTE) as registries:
                    pulled = pull_image(reference, journey.arrival, registries)
                assert pulled.digest == journey.image.digest
            finally:
                journey.require_sound_store()

        repeated(pull)
    assert len(proxy.met) == BROKEN_CONNECTIONS
    journey.require_arrived_in_store()


def wherry(store: Store, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "wherry", *arguments],
        env={**os.environ, "WHERRY_CACHE_DIR": str(store.root), "DOCKER_CONFIG": str(store.root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def killed_again_and_again(
    journey: Journey,
    random: Random,
    start: Callable[[str], subprocess.Popen[bytes]],
    after_each: Callable[[], None],
) -> None:
    """Kill `KILLED` processes while bytes are on their way, then let one end."""
    size = sum(LARGE)
    running: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        running[-1].kill()

    # Every byte has to pass once, so each of the places is met.
    places = gaps(random, KILLED, size * 9 // 10)
    with FaultProxy(journey.registry.host, places, random, when_due=kill) as proxy:
        for expected in [-signal.SIGKILL] * KILLED + [0]:
            running.append(start(proxy.host))
            output, _ = running[-1].communicate(timeout=60)
            assert running[-1].returncode == expected, output.decode()
            proxy.go_on()
            after_each()


@journeys(larger_image, KILL_SEEDS)
def test_processes_killed_at_any_moment(
    journey: Journey, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    random = Random(request.node.name)  # noqa: S311 - not secret
    killed_again_and_again(
        journey,
        random,
        lambda host: wherry(journey.departure, "push", "-q", "app:v1", f"{host}/{journey.repository}:v1"),
        journey.require_sound_registry,
    )
    journey.require_arrived_in_registry(tmp_path / "copy")
    killed_again_and_again(
        journey,
        random,
        lambda host: wherry(journey.arrival, "pull", "-q", f"{host}/{journey.repository}:v1"),
        journey.require_sound_store,
    )
    journey.require_arrived_in_store()
