"""Start a container of an image with whatever the machine has: docker, podman, crun, runc or bubblewrap.

`start.run_image` is the way in. Each runtime is a module of its own behind `runtime.Runtime`.
"""
