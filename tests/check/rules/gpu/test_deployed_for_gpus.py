"""gpu-not-reserved and shared-memory-missing: what compose and Kubernetes say of an image for GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import verdicts
from wherry.check.fix import edited
from wherry.check.yaml_proof import yaml_objection

if TYPE_CHECKING:
    from pathlib import Path

CUDA = "FROM nvidia/cuda:12.4.1-base-ubuntu22.04 AS server\n"
CPU = "FROM python:3.12\nRUN pip install torch==2.4.0+cpu\n"


def service(**said: str) -> dict[str, str]:
    lines = "".join(f"    {key}: {value}\n" for key, value in {"build": ".", **said}.items())
    return {"compose.yaml": f"services:\n  a:\n{lines}"}


def pod(said: str = "", spec: str = "") -> dict[str, str]:
    return {
        "k8s/pod.yaml": "apiVersion: v1\nkind: Pod\nspec:\n"
        f"{spec}  containers:\n    - name: a\n      image: team/a:1\n{said}"
    }


GPUS = "{reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}}"


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        (CUDA, service(), ["service a asks for no GPU"]),
        (CUDA, service(build="{context: ., target: server}"), ["service a asks for no GPU"]),
        (CUDA, service(build="{context: ., target: test}"), []),
        (CUDA, service(gpus="all"), []),
        (CUDA, service(runtime="nvidia"), []),
        (CUDA, service(deploy=f"{{resources: {GPUS}}}"), []),
        (CUDA, service(deploy="{resources: {reservations: {generic_resources: [{}]}}}"), []),
        (CUDA, service(environment="[NVIDIA_VISIBLE_DEVICES=0]"), []),
        (CUDA, service(environment="{CUDA_VISIBLE_DEVICES: '-1'}"), []),
        (CUDA, {"compose.yaml": "services:\n  a-cpu:\n    build: .\n"}, []),
        (CUDA, {"compose.yaml": "services:\n  a:\n    build: .\n  b:\n    build: .\n    gpus: all\n"}, []),
        (CUDA, {"compose.yaml": "services:\n  a:\n    image: redis\n"}, []),
        (CUDA, pod(), ["container a asks for no GPU"]),
        (CUDA, pod("      resources: {limits: {nvidia.com/gpu: 1}}\n"), []),
        (CUDA, pod("      resources: {limits: {nvidia.com/mig-1g.5gb: 1}}\n"), []),
        (CUDA, pod("      resources: {claims: [{name: gpu}]}\n"), []),
        (CUDA, pod("      env: [{name: NVIDIA_VISIBLE_DEVICES, value: all}]\n"), []),
        (
            "FROM python:3.12\nRUN pip install torch==2.4.0+cu121\n",
            service(),
            ["service a asks for no GPU, and the image is made for one: torch 2.4.0+cu121 is there for CUDA"],
        ),
        ("FROM python:3.12\nRUN pip install torch==2.4.0\n", service(), []),
        (CPU, service(gpus="all"), ["service a reserves a GPU, and torch 2.4.0+cpu is built for the CPU"]),
        (CPU, pod("      resources: {limits: {nvidia.com/gpu: 1}}\n"), ["container a takes nvidia.com/gpu"]),
        (CPU, service(), []),
        (CPU, pod(), []),
        (f"{CPU}RUN pip install onnxruntime-gpu", service(gpus="all"), []),
        ("FROM python:3.12\nRUN pip install fastapi", service(gpus="all"), []),
    ],
)
def test_a_gpu_goes_where_it_is_of_use(
    tmp_path: Path, text: str, files: dict[str, str], expected: list[str]
) -> None:
    findings = verdicts("C13", text, tmp_path, files)

    assert [finding.what.startswith(what) for finding, what in zip(findings, expected, strict=True)] == [
        True
    ] * len(expected)


TORCHRUN = 'FROM python:3.12\nCMD ["torchrun", "train.py"]'
LOADER = {"train.py": "import torch\nDataLoader(x, num_workers=4)\n"}
PLAIN = 'FROM python:3.12\nCOPY . .\nCMD ["python", "train.py"]'


@pytest.mark.parametrize(
    ("text", "files", "reason"),
    [
        (TORCHRUN, service(), "torchrun starts several processes"),
        (TORCHRUN, pod(), "torchrun starts several processes"),
        (TORCHRUN, service(ipc="private"), "torchrun"),
        (PLAIN, service(command="accelerate launch train.py"), "accelerate starts several processes"),
        (PLAIN, service(command="vllm serve /m --tensor-parallel-size=2"), "tensor-parallel-size is 2"),
        (PLAIN, service(command="vllm serve /m -tp 4"), "tp is 4"),
        (PLAIN, service(command="torchrun --nproc-per-node 8 x.py"), "nproc-per-node is 8"),
        (PLAIN, pod("      args: [--num-shard, '2']\n"), "num-shard is 2"),
        (PLAIN, pod("      command: [deepspeed, x.py]\n"), "deepspeed starts several"),
        (PLAIN, {**service(), **LOADER}, "DataLoader workers need it"),
        (PLAIN, {**pod("      args: [x]\n"), **LOADER}, "DataLoader workers need it"),
    ],
)
def test_processes_that_share_memory_are_found(
    tmp_path: Path, text: str, files: dict[str, str], reason: str
) -> None:
    findings = verdicts("C14", text, tmp_path, files)

    assert len(findings) == 1
    assert reason in findings[0].what


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (TORCHRUN, {}),
        (TORCHRUN, service(shm_size="8gb")),
        (TORCHRUN, service(ipc="host")),
        (TORCHRUN, service(volumes="[/dev/shm:/dev/shm]")),
        (TORCHRUN, service(tmpfs="[/dev/shm:size=8g]")),
        (TORCHRUN, service(command="python serve.py")),
        (TORCHRUN, pod("      command: [python, serve.py]\n")),
        (TORCHRUN, pod("      volumeMounts: [{name: shm, mountPath: /dev/shm/}]\n")),
        (TORCHRUN, pod(spec="  hostIPC: true\n")),
        (PLAIN, service()),
        (PLAIN, service(command="torchrun --nproc_per_node=1 x.py")),
        (PLAIN, service(command="vllm serve /m --tensor-parallel-size")),
        (PLAIN, {**service(), "train.py": "import torch\nDataLoader(x, num_workers=0)\n"}),
        (PLAIN, {**service(), "train.py": "Pool(num_workers=4)\n"}),
    ],
)
def test_one_process_or_enough_memory_is_left_alone(tmp_path: Path, text: str, files: dict[str, str]) -> None:
    assert verdicts("C14", text, tmp_path, files) == []


def test_a_file_that_is_laid_over_another_may_ask_for_the_gpu(tmp_path: Path) -> None:
    files = {
        **service(),
        "docker-compose.gpu.yaml": "# for GPUs\nservices:\n  a:\n    gpus: all\n    shm_size: 8gb\n",
        **pod(),
        "k8s/gpu.yaml": pod()["k8s/pod.yaml"].replace(
            "image: team/a:1", "resources: {limits: {nvidia.com/gpu: 1}}"
        ),
    }
    named = {
        path: text.replace("kind: Pod\n", "kind: Pod\nmetadata: {name: p}\n") for path, text in files.items()
    }

    assert verdicts("C13", CUDA, tmp_path, named) == []
    assert [finding.what.partition(" ")[0] for finding in verdicts("C14", TORCHRUN, tmp_path, named)] == [
        "container"
    ]
    assert verdicts("C4", "FROM python:3.12\nRUN pip install torch\n", tmp_path, named) == []


ROCM = "FROM rocm/pytorch:rocm6.2_ubuntu22.04_py3.10_pytorch_2.4.0 AS server\n"
TWO_SERVICES = "services:\n  migrate:\n    build: .\n    command: [x]\n  server:\n    build: .\n"
VLLM = "vllm serve /m --tensor-parallel-size"


@pytest.mark.parametrize(
    ("text", "files", "title", "in_file"),
    [
        (CUDA, service(), "reserve a GPU for a", "count: 1"),
        (CUDA, service(command=f"{VLLM} 4"), "reserve 4 GPUs for a", "count: 4"),
        (CUDA, service(command=f"{VLLM} 400"), "reserve a GPU for a", "count: 1"),
        (
            CUDA,
            {"compose.yaml": TWO_SERVICES},
            "reserve a GPU for server",
            "server:\n    build: .\n    deploy:",
        ),
        (CUDA, pod(f"      args: [{VLLM}=2]\n"), "give a 2 GPUs", "nvidia.com/gpu: 2"),
        (f"{CUDA}CMD {VLLM} 2\n", pod(), "give a 2 GPUs", "nvidia.com/gpu: 2"),
    ],
)
def test_the_gpu_is_given_to_what_the_image_is_made_for(
    tmp_path: Path, text: str, files: dict[str, str], title: str, in_file: str
) -> None:
    (finding,) = verdicts("C13", text, tmp_path, files)

    assert finding.fix is not None
    assert finding.fix.title == title
    (name,) = files
    assert in_file in edited((tmp_path / name).read_bytes(), finding.fix.edits).decode()


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (ROCM, service()),
        (ROCM, pod()),
        (CUDA, {"compose.yaml": TWO_SERVICES.replace("    command: [x]\n", "")}),
        (CUDA, {"compose.yaml": "x: &x {build: .}\nservices:\n  a: *x\n"}),
    ],
)
def test_no_gpu_is_given_where_it_is_not_plain_to_whom(
    tmp_path: Path, text: str, files: dict[str, str]
) -> None:
    (finding,) = verdicts("C13", text, tmp_path, files)

    assert finding.fix is None


def test_shared_memory_that_the_pod_has_is_only_mounted(tmp_path: Path) -> None:
    text = pod(spec="  volumes: [{name: shm, emptyDir: {medium: Memory}}]\n")
    (finding,) = verdicts("C14", TORCHRUN, tmp_path, text)

    assert finding.fix is not None
    assert [edit.text.strip() for edit in finding.fix.edits] == [
        "volumeMounts:\n        - name: shm\n          mountPath: /dev/shm"
    ]


@pytest.mark.parametrize(
    "files",
    [
        service(ipc="private"),
        pod(spec="  volumes: [{name: shm, configMap: {name: x}}]\n"),
        pod(spec="  volumes: &v []\n"),
    ],
)
def test_shared_memory_is_not_added_to_what_says_otherwise(tmp_path: Path, files: dict[str, str]) -> None:
    (finding,) = verdicts("C14", TORCHRUN, tmp_path, files)

    assert finding.fix is None


LIMITS = "      resources:\n        limits:\n          memory: 1Gi\n          nvidia.com/gpu: 1\n"


@pytest.mark.parametrize(
    ("files", "left"),
    [
        (service(gpus="all", tty="true"), service(tty="true")),
        (service(deploy=f"{{resources: {GPUS}}}", tty="true"), service(tty="true")),
        (pod(LIMITS), pod("      resources:\n        limits:\n          memory: 1Gi\n")),
        (pod("      resources:\n        limits: {nvidia.com/gpu: 1}\n"), pod()),
    ],
)
def test_a_gpu_for_nothing_is_given_back(tmp_path: Path, files: dict[str, str], left: dict[str, str]) -> None:
    (finding,) = verdicts("C13", CPU, tmp_path, files)

    assert finding.fix is not None
    ((name, text),) = files.items()
    assert edited((tmp_path / name).read_bytes(), finding.fix.edits).decode() == left[name]
    assert yaml_objection(text.encode(), left[name].encode(), finding.fix.effect.values) is None


@pytest.mark.parametrize(
    "files",
    [
        service(gpus="all", runtime="nvidia"),
        service(runtime="nvidia"),
        service(gpus="all", environment="[NVIDIA_VISIBLE_DEVICES=0]"),
        service(deploy="{resources: {reservations: {devices: [{capabilities: [gpu]}, {driver: x}]}}}"),
        {"compose.yaml": "services:\n  a: {build: ., gpus: all}\n"},
        {"compose.yaml": "x: &x\n  gpus: all\nservices:\n  a:\n    <<: *x\n    build: .\n"},
        pod("      resources: {limits: {nvidia.com/gpu: 1, memory: 1Gi}}\n"),
        pod(f"{LIMITS}        requests:\n          nvidia.com/gpu: 1\n"),
        pod(LIMITS, spec="  runtimeClassName: nvidia\n"),
        pod(LIMITS, spec="  nodeSelector: {gpu: a100}\n"),
    ],
)
def test_a_gpu_that_is_asked_for_twice_is_not_half_given_back(tmp_path: Path, files: dict[str, str]) -> None:
    (finding,) = verdicts("C13", CPU, tmp_path, files)

    assert finding.fix is None
