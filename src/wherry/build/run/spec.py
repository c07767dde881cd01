"""The ``config.json`` of an OCI runtime bundle (runtime-spec ``config.md``), made from a container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from wherry.build.run.container import Container
    from wherry.build.run.view import View

_SAFE: Final = ("nosuid", "noexec", "nodev")
# What Docker hides (moby ``oci/defaults.go``): the kernel's, not the container's.
_MASKED: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
)
_READ_ONLY: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
# What root inside keeps, as with Docker but for making devices; any other user has none.
_ROOT_CAPABILITIES: Final = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)


def runtime_spec(container: Container, view: View, *, terminal: bool) -> bytes:
    """The document for *container*. It shares the machine's network and has no cgroup of its own."""
    user = container.account
    capabilities = () if user.uid else _ROOT_CAPABILITIES
    spec: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": terminal,
            "user": {"uid": user.uid, "gid": user.gid},
            "args": container.argv,
            "env": container.env,
            "cwd": container.directory,
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            "noNewPrivileges": True,
        },
        "root": {"path": str(container.root), "readonly": container.read_only},
        "mounts": _mounts(container, view),
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "mount")],
            "maskedPaths": _MASKED,
            "readonlyPaths": _READ_ONLY,
        },
    }
    if view.rootless:
        # One id is all that an unprivileged user may map: the container's user is us.
        spec["linux"]["namespaces"].append({"type": "user"})
        for kind, inside in (("uidMappings", user.uid), ("gidMappings", user.gid)):
            spec["linux"][kind] = [{"containerID": inside, "hostID": view.user_id, "size": 1}]
    else:
        spec["process"]["user"]["additionalGids"] = user.groups
    return msgspec.json.encode(spec)


def _mounts(container: Container, view: View) -> list[dict[str, Any]]:
    pts = ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
    mounts = [
        _mount("/proc", "proc", _SAFE),
        _mount("/dev", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
        _mount("/dev/pts", "devpts", pts if view.rootless else (*pts, "gid=5")),
        # As large as the machine allows: data loaders hand tensors over here, and 64 MB end in SIGBUS.
        _mount("/dev/shm", "tmpfs", (*_SAFE, "mode=1777")),  # noqa: S108 - inside the container
        _mount("/dev/mqueue", "mqueue", _SAFE),
        # A new sysfs needs a network namespace of one's own.
        _mount("/sys", "none", (*_SAFE, "rbind", "ro"), "/sys")
        if view.rootless
        else _mount("/sys", "sysfs", (*_SAFE, "ro")),
    ]
    owner = (f"uid={container.account.uid}", f"gid={container.account.gid}")
    mounts += [
        _mount(target, "tmpfs", ("nosuid", "nodev", "mode=1777", *owner)) for target in container.tmpfs
    ]
    mounts += [
        _mount(target, "bind", ("rbind", "rprivate", "ro" if read_only else "rw"), str(source))
        for source, target, read_only in container.binds
    ]
    return mounts


def _mount(destination: str, kind: str, options: tuple[str, ...], source: str = "") -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source or kind, "options": options}
