# syntax=docker/dockerfile:1
# shape: every kind of mount
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends git openssh-client && rm -rf /var/lib/apt/lists/*
RUN mkdir -p -m 0700 ~/.ssh && ssh-keyscan git.example.com >> ~/.ssh/known_hosts
WORKDIR /src
RUN --mount=type=ssh,required=true git clone git@git.example.com:team/private.git
RUN --mount=type=ssh,id=deploy,target=/run/agent.sock,uid=1000,gid=1000,mode=0600 true
RUN --mount=type=tmpfs,target=/tmp,size=512m --network=none python -m compileall private
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,required \
    --mount=type=cache,id=pip,target=/root/.cache/pip,sharing=locked,mode=0755 \
    pip install -r private/requirements.txt
RUN --mount=type=secret,id=token,env=API_TOKEN sh -c 'test -n "$API_TOKEN"'
RUN --mount=target=.,rw --mount=type=bind,from=python:3.12-slim,source=/usr/local,target=/py,ro ls /py
RUN --mount="type=bind,source=a b,target=/c" --security=sandbox ls /c || true
RUN --network=host curl -fsS http://localhost:9999 || true

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="bind-and-ssh-mounts" \
      org.opencontainers.image.vendor="Example"
