"""For what torch is built, by whatever says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.check.facts.trees import plant, source_of
from wherry.check.facts.conda import CondaEnvironment, is_environment_name, read_environment
from wherry.check.facts.frameworks import (
    CPU_INDEX,
    DEFAULT_CUDA,
    default_cuda,
    framework_of,
    wheel_build,
)
from wherry.check.facts.locks import parse_lock
from wherry.check.facts.pyproject import Pyproject, read_pyproject
from wherry.check.facts.requirements import parse_requirements, read_requirements
from wherry.check.facts.texts import Reader
from wherry.check.facts.torch import (
    TorchFacts,
    frameworks_in_lock,
    frameworks_in_pyproject,
    frameworks_in_requirements,
    holds_on_linux,
    torch_in_conda,
    torch_in_lock,
    torch_in_pyproject,
    torch_in_requirements,
)

WHL = "https://download.pytorch.org/whl"


@pytest.mark.parametrize(
    ("version", "urls", "build", "cuda"),
    [
        ("2.6.0", [], "cuda", (12, 4)),
        ("2.8.0", [""], "cuda", (12, 8)),
        ("2.11.0", ["https://pypi.org/simple"], "cuda", (13, 0)),
        ("", [], "cuda", None),
        ("9.9", [], "cuda", None),
        ("2.6.0+cpu", [], "cpu", None),
        ("2.1.0+cu121", [], "cuda", (12, 1)),
        ("2.5.1+rocm6.2", [], "rocm", None),
        ("2.6.0", [CPU_INDEX], "cpu", None),
        ("2.6.0", [f"{WHL}/cu118/"], "cuda", (11, 8)),
        ("", [f"{WHL}/nightly/cu128"], "cuda", (12, 8)),
        ("", [f"{WHL}/rocm6.3"], "rocm", None),
        ("", [f"{WHL}/xpu"], "xpu", None),
        ("2.6.0", ["https://mirror/simple"], "cuda", (12, 4)),
    ],
)
def test_a_wheel_is_built_for_what_its_version_or_index_says(
    version: str, urls: list[str], build: str, cuda: tuple[int, int] | None
) -> None:
    found = wheel_build("torch", version, urls)
    assert (found.build, found.cuda) == (build, cuda)
    assert found.basis


def test_a_mirror_is_said_to_be_taken_for_one() -> None:
    assert "mirror" in wheel_build("torch", "2.6.0", ["https://mirror/simple"]).basis
    assert "mirror" not in wheel_build("torch", "2.6.0", []).basis


def test_companions_go_with_a_torch() -> None:
    assert default_cuda("torchvision", "0.21.0") == DEFAULT_CUDA[2, 6]
    assert default_cuda("torchvision", "0.14.1") == (11, 7)
    assert default_cuda("torchvision", "1.0") is None
    assert default_cuda("torchaudio", "2.6.0") == (12, 4)


@pytest.mark.parametrize(
    ("name", "extras", "carries", "build"),
    [
        ("vllm", (), "wheels", "cuda"),
        ("jax", ("cuda12",), "wheels", "cuda"),
        ("jax", ("cuda12-local",), "system", "cuda"),
        ("jax", (), "none", "cpu"),
        ("jax-cuda12-plugin", (), "system", "cuda"),
        ("jax-cuda12-plugin", ("with-cuda",), "wheels", "cuda"),
        ("lmdeploy", (), "wheels", "cuda"),
        ("tensorflow", ("and-cuda",), "wheels", "cuda"),
        ("tensorflow", (), "system", "unknown"),
        ("tensorflow-cpu", (), "none", "cpu"),
        ("tensorflow-gpu", (), "system", "cuda"),
        ("onnxruntime-gpu", (), "system", "cuda"),
        ("onnxruntime-gpu", ("cuda", "cudnn"), "wheels", "cuda"),
        ("cupy-cuda12x", (), "system", "cuda"),
        ("cupy-cuda12x", ("ctk",), "wheels", "cuda"),
        ("faster-whisper", (), "system", "unknown"),
        ("flash-attn", (), "source", "unknown"),
        ("torch", (), "wheels", "cuda"),
    ],
)
def test_frameworks_carry_cuda_or_look_for_it(
    name: str, extras: tuple[str, ...], carries: str, build: str
) -> None:
    found = framework_of(name, "", extras)
    assert found is not None
    assert (found.carries, found.build) == (carries, build)
    assert found.is_gpu == (build == "cuda")


def test_what_has_nothing_to_do_with_cuda_is_no_framework() -> None:
    assert framework_of("numpy") is None
    assert framework_of("tensorflow-datasets") is None
    assert framework_of("torchcodec") is None  # it links to CUDA, and requires nothing
    assert framework_of("cupy-cuda114") is not None


def requirements(text: str) -> TorchFacts | None:
    return torch_in_requirements(parse_requirements(Path("r.txt"), source_of(text, "r.txt")))


def test_requirements_are_read_with_their_indexes() -> None:
    found = requirements(f"--extra-index-url {WHL}/cu121\ntorch==2.1.0\n")
    assert found is not None
    assert (found.build, found.cuda, found.version, found.is_locked) == ("cuda", (12, 1), "2.1.0", True)
    assert found.text.place.start.line == 2
    assert requirements("numpy\n") is None
    assert requirements("torch ; sys_platform == 'darwin'\n") is None


def test_a_wheel_by_its_address_says_its_build() -> None:
    found = requirements(f"torch @ {WHL}/cpu/torch-2.6.0%2Bcpu-cp311-cp311-linux_x86_64.whl\n")
    assert found is not None
    assert (found.build, found.version) == ("cpu", "2.6.0+cpu")


def test_compiled_requirements_say_their_cuda() -> None:
    found = requirements("torch==2.99.0\nnvidia-cuda-runtime-cu12==12.6.77\n")
    assert found is not None
    assert found.cuda == (12, 6)


def lock(text: str, name: str = "torch") -> TorchFacts | None:
    return torch_in_lock(parse_lock(Path("uv.lock"), source_of(text, "uv.lock"), Reader()), name)


def package(name: str, version: str, *, index: str = "https://pypi.org/simple", marker: str = "") -> str:
    markers = f'resolution-markers = [\n    "{marker}",\n]\n' if marker else ""
    return (
        f'[[package]]\nname = "{name}"\nversion = "{version}"\n'
        f'source = {{ registry = "{index}" }}\n{markers}\n'
    )


def test_a_lock_decides_by_its_index_and_its_runtime() -> None:
    found = lock(package("torch", "2.99.0") + package("nvidia-cuda-runtime-cu12", "12.6.77"))
    assert found is not None
    assert (found.build, found.cuda) == ("cuda", (12, 6))
    assert "12.6" in found.basis
    cpu = lock(package("torch", "2.6.0", index=CPU_INDEX))
    assert cpu is not None
    assert cpu.build == "cpu"
    assert lock(package("numpy", "2")) is None


def test_of_several_the_one_for_linux_counts() -> None:
    both = package("torch", "2.6.0", marker="sys_platform == 'darwin'")
    both += package("torch", "2.6.0+cpu", index=CPU_INDEX, marker="sys_platform != 'darwin'")
    found = lock(both)
    assert found is not None
    assert (found.build, found.version) == ("cpu", "2.6.0+cpu")


def test_builds_that_extras_choose_between_are_unknown() -> None:
    both = package("torch", "2.6.0+cu124", marker="extra == 'gpu'") + package(
        "torch", "2.6.0+cpu", marker="python_version > '3'"
    )
    found = lock(both.replace("extra == 'gpu'", "python_version > '2'"))
    assert found is not None
    assert (found.build, found.cuda) == ("unknown", None)


def pyproject(root: Path, text: str) -> Pyproject:
    plant(root, {"pyproject.toml": text})
    found = read_pyproject(root / "pyproject.toml", Reader())
    assert found is not None
    return found


def test_sources_of_uv_decide(tmp_path: Path) -> None:
    text = (
        "[project]\ndependencies = ['torch>=2']\n[tool.uv.sources]\n"
        "torch = [{index = 'c', marker = \"sys_platform == 'linux'\"}]\n"
        f"[[tool.uv.index]]\nname = 'c'\nurl = '{CPU_INDEX}'\nexplicit = true\n"
    )
    found = torch_in_pyproject(pyproject(tmp_path, text))
    assert found is not None
    assert (found.build, found.is_locked) == ("cpu", False)
    elsewhere = torch_in_pyproject(pyproject(tmp_path, text.replace("'linux'", "'win32'")))
    assert elsewhere is not None
    assert elsewhere.build == "cuda"
    chosen = text.replace("}]", "}, {index = 'g'}]") + f"[[tool.uv.index]]\nname = 'g'\nurl = '{WHL}/cu124'\n"
    several = torch_in_pyproject(pyproject(tmp_path, chosen))
    assert several is not None
    assert several.build == "unknown"
    assert torch_in_pyproject(pyproject(tmp_path, "")) is None


def test_frameworks_of_files_are_all_of_them(tmp_path: Path) -> None:
    file = parse_requirements(
        Path("r.txt"),
        source_of(f"-i {CPU_INDEX}\ntorch==2.6\ntorchvision\nflash-attn\nnumpy\njax; os_name == 'nt'\n"),
    )
    assert {one.name: one.carries for one in frameworks_in_requirements(file)} == {
        "torch": "none",
        "torchvision": "none",
        "flash-attn": "source",
    }
    text = (
        package("torch", "2.6.0")
        + package("nvidia-cuda-runtime-cu12", "12.4.1")
        + package("tensorflow", "2.21")
        + package("jax", "0.10.2")
        + package("jax-cuda12-plugin", "0.10.2")
    )
    locked = frameworks_in_lock(parse_lock(Path("uv.lock"), source_of(text), Reader()))
    assert {one.name: (one.carries, one.cuda) for one in locked} == {
        "torch": ("wheels", (12, 4)),
        "tensorflow": ("wheels", None),
        "jax": ("none", None),
        "jax-cuda12-plugin": ("wheels", None),
    }
    written = frameworks_in_pyproject(
        pyproject(tmp_path, "[project]\ndependencies = ['torch==2.6.0', 'vllm', 'numpy']\n")
    )
    assert {one.name: one.cuda for one in written} == {"torch": (12, 4), "vllm": None}


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("", True),
        ("sys_platform == 'linux'", True),
        ("sys_platform == 'darwin'", False),
        ("platform_system != 'Darwin'", True),
        ("sys_platform != 'linux'", False),
        ("sys_platform == 'linux' and platform_machine == 'x86_64'", True),
        ("platform_machine == 'aarch64'", False),
        ("python_version < '3.10'", False),
        ("not a marker", True),
    ],
)
def test_markers_hold_on_linux_or_not(marker: str, *, holds: bool) -> None:
    assert holds_on_linux(marker) is holds


def environment(root: Path, text: str) -> CondaEnvironment | None:
    plant(root, {"environment.yml": text})
    return read_environment(root / "environment.yml", Reader())


@pytest.mark.parametrize(
    ("listed", "build", "cuda"),
    [
        ("pytorch=2.1, pytorch-cuda=12.1", "cuda", (12, 1)),
        ("pytorch==1.12.1, cudatoolkit=11.3", "cuda", (11, 3)),
        ("pytorch, cpuonly", "cpu", None),
        ("pytorch-cpu", "cpu", None),
        ("pytorch-gpu", "cuda", None),
        ("pytorch=2.1=cpu_py311", "cpu", None),
        ("pytorch=2.1=*cuda*", "cuda", None),
        ("pytorch", "unknown", None),
        ("python=3.11, {pip: ['torch==2.6.0']}", "cuda", (12, 4)),
    ],
)
def test_conda_says_its_build(tmp_path: Path, listed: str, build: str, cuda: tuple[int, int] | None) -> None:
    found = environment(tmp_path, f"name: x\ndependencies: [{listed}]\n")
    assert found is not None
    torch = torch_in_conda(found)
    assert torch is not None
    assert (torch.build, torch.cuda) == (build, cuda)


def test_an_environment_has_channels_packages_and_pip(tmp_path: Path) -> None:
    found = environment(
        tmp_path,
        "name: ml\nchannels: [conda-forge]\ndependencies:\n  - python=3.11.4\n  - conda-forge::numpy>=1\n"
        "  - a==1.2.3=py_0\n  - pip:\n    - \"requests==2\"\n    - 'Flask'\n    - -r x.txt\n",
    )
    assert found is not None
    assert (found.name, [text.value for text in found.channels]) == ("ml", ["conda-forge"])
    assert found.python is not None
    assert found.python.is_pinned
    numpy = found.find("NumPy")
    assert numpy is not None
    assert (numpy.channel, numpy.operator, numpy.version, numpy.is_pinned) == (
        "conda-forge",
        ">=",
        "1",
        False,
    )
    assert [one.name for one in found.pip if one.name] == ["requests", "flask"]
    assert found.pip[0].place.start.line == 8
    assert found.source.text(found.pip[0].text.span) == "requests==2"
    assert torch_in_conda(found) is None


def test_what_is_no_environment_is_none(tmp_path: Path) -> None:
    assert environment(tmp_path, "name: x\n") is None
    assert environment(tmp_path, "dependencies: [\n") is None
    assert read_environment(tmp_path / "none.yml", Reader()) is None
    assert is_environment_name("environment-gpu.yaml")
    assert is_environment_name("conda.yml")
    assert not is_environment_name("conda-lock.yml")
    assert not is_environment_name("compose.yml")


def test_a_release_for_another_python_counts_where_there_is_none_for_that_of_today(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "torch==2.0.1; python_version < '3.9'\ntorch==2.5.1; python_version >= '3.9'\n"
        "torchaudio==2.4.0+cu121; sys_platform == 'linux' and python_version == '3.11'\n"
        "torchvision==0.19.0; sys_platform == 'win32' and python_version == '3.11'\n"
    )
    file = read_requirements(tmp_path / "a.txt", Reader())
    assert file is not None
    assert [(one.name, one.version) for one in frameworks_in_requirements(file)] == [
        ("torch", "2.5.1"),
        ("torchaudio", "2.4.0+cu121"),
    ]
