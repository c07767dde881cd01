"""What Kubernetes manifests run."""

from __future__ import annotations

import pytest

from tests.check.facts.trees import source_of
from wherry.check.facts.kubernetes import KubernetesService, Workload, looks_like_manifest, read_manifests
from wherry.check.facts.texts import Reader

POD = "{containers: [{name: app, image: app}]}"


def manifests(text: str) -> tuple[tuple[Workload, ...], tuple[KubernetesService, ...]]:
    return read_manifests(source_of(text, "k8s/app.yaml"), Reader())


def workload(pod: str, kind: str = "Pod") -> Workload:
    (found,) = manifests(f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: app}}\nspec: {pod}\n")[0]
    return found


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Pod", POD),
        ("Deployment", f"{{replicas: 2, template: {{spec: {POD}}}}}"),
        ("CronJob", f"{{jobTemplate: {{spec: {{template: {{spec: {POD}}}}}}}}}"),
        ("InferenceService", f"{{predictor: {POD}}}"),
        ("Workflow", "{templates: [{name: t, container: {name: app, image: app}}]}"),
        ("RayCluster", f"{{headGroupSpec: {{template: {{spec: {POD}}}}}}}"),
        ("PyTorchJob", f"{{pytorchReplicaSpecs: {{Worker: {{template: {{spec: {POD}}}}}}}}}"),
        ("Service", f"{{template: {{spec: {POD}}}}}"),  # Knative's
    ],
)
def test_whatever_holds_a_pod_is_a_workload(kind: str, spec: str) -> None:
    found = workload(spec, kind)
    assert found.kind == kind
    assert [str(container.image) for container in found.containers] == ["app"]
    assert str(found.name) == "app"
    assert found.place.start.line == 3


def test_a_container_says_what_it_needs() -> None:
    found = workload(
        "{containers: [{name: a, image: x, imagePullPolicy: Always, command: [python], args: [app.py],"
        " ports: [{containerPort: 80, name: http}, {name: odd}],"
        " resources: {requests: {memory: 1Gi, cpu: 1}, limits: {nvidia.com/gpu: 1, memory: 2Gi}},"
        " env: [{name: A, value: x}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}, {value: y}],"
        " livenessProbe: {httpGet: {path: /h, port: http}, periodSeconds: 5},"
        " startupProbe: {tcpSocket: {port: 80}, failureThreshold: 30, initialDelaySeconds: x},"
        " readinessProbe: {exec: {command: [x]}}}]}"
    ).containers[0]
    assert (str(found.name), str(found.image), str(found.pull_policy)) == ("a", "x", "Always")
    assert ([str(text) for text in found.command], [str(text) for text in found.args]) == (
        ["python"],
        ["app.py"],
    )
    assert [(str(port), name) for port, name in found.ports] == [("80", "http")]
    assert {name: str(text) for name, text in found.requests.items()} == {"memory": "1Gi", "cpu": "1"}
    assert (str(found.limits["memory"]), str(found.gpu), found.gpu_resource) == ("2Gi", "1", "nvidia.com/gpu")
    assert [(one.name, one.is_reference, one.text is None) for one in found.environment] == [
        ("A", False, False),
        ("B", True, True),
    ]
    probes = found.probes
    assert (str(probes["liveness"].port), probes["liveness"].path, probes["liveness"].period_s) == (
        "http",
        "/h",
        5,
    )
    assert (probes["startup"].failure_threshold, probes["startup"].initial_delay_s) == (30, 0)
    assert probes["readiness"].port is None
    assert found.place.start.line == 4


@pytest.mark.parametrize(
    ("limits", "resource"),
    [
        ("{nvidia.com/mig-1g.5gb: 1}", "nvidia.com/mig-1g.5gb"),
        ("{amd.com/gpu: 1}", "amd.com/gpu"),
        ("{nvidia.com/gpu: 0}", ""),
        ("{memory: 1Gi}", ""),
    ],
)
def test_gpus_have_many_names(limits: str, resource: str) -> None:
    found = workload(f"{{containers: [{{name: a, resources: {{limits: {limits}}}}}]}}").containers[0]
    assert found.gpu_resource == resource
    assert (found.gpu is None) == (not resource)


def test_shared_memory_is_a_volume_in_memory() -> None:
    volumes = "volumes: [{name: v, emptyDir: {medium: Memory}}, {name: w, emptyDir: {}}, {emptyDir: {}}]"
    by_volume = workload(
        f"{{{volumes}, containers: [{{name: a, volumeMounts: [{{name: v, mountPath: /x}}]}}]}}"
    )
    assert by_volume.shm is not None
    assert by_volume.shm.value == "v"
    by_path = workload(
        "{containers: [{name: a, volumeMounts: [{name: z, mountPath: /dev/shm/}, {name: q}]}]}"
    )
    assert by_path.shm is not None
    assert workload(f"{{{volumes}, containers: [{{name: a}}]}}").shm is None
    assert list(by_volume.volumes) == ["v", "w"]


def test_security_of_the_pod_holds_for_its_containers() -> None:
    found = workload(
        "{securityContext: {runAsNonRoot: true, runAsUser: 5}, runtimeClassName: nvidia, hostNetwork: true,"
        " hostIPC: true, terminationGracePeriodSeconds: 30, initContainers: [{name: i}, x],"
        " containers: [{name: a, securityContext: {runAsUser: 7, privileged: true, "
        "readOnlyRootFilesystem: true,"
        " allowPrivilegeEscalation: false}}]}"
    )
    container = found.containers[0]
    assert (str(container.run_as_non_root), str(container.run_as_user)) == ("true", "7")
    assert (str(found.run_as_non_root), str(found.run_as_user)) == ("true", "5")
    assert str(container.privileged) == str(container.read_only_root) == "true"
    assert str(container.allow_escalation) == "false"
    said = (found.runtime_class, found.host_network, found.host_ipc, found.grace_period, found.replicas)
    assert [str(text) for text in said] == ["nvidia", "true", "true", "30", "None"]
    assert [str(one.name) for one in found.init_containers] == ["i"]


def test_services_and_lists_are_read() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: s}\n"
        "  spec: {type: LoadBalancer, ports: [{port: 80, targetPort: http}, {port: 81}, {name: x}]}\n"
        f"- apiVersion: v1\n  kind: Pod\n  spec: {POD}\n---\napiVersion: v1\nkind: ConfigMap\n"
        f"data: {{a: b}}\n---\nx: 1\n"
    )
    workloads, (service,) = manifests(text)
    assert [one.kind for one in workloads] == ["Pod"]
    assert workloads[0].name is None
    assert workloads[0].place.start.line == 10
    assert (str(service.name), service.type) == ("s", "LoadBalancer")
    assert [(str(port), str(target)) for port, target in service.ports] == [("80", "http"), ("81", "None")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind: Pod\n",
        "apiVersion: v1\nkind: Pod\nspec: x\n",
        "apiVersion: v1\nkind: Pod\n",
        "apiVersion: v1\nkind: Pod\nspec: &a {b: *a, c: [*a]}\n",
        "- a\n",
    ],
)
def test_odd_manifests_run_nothing(text: str) -> None:
    assert manifests(text) == ((), ())


def test_manifests_are_told_from_other_yaml() -> None:
    assert looks_like_manifest(b"apiVersion: v1\nkind: Pod\n")
    assert not looks_like_manifest(b"services: {}\n")
