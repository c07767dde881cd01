# syntax=docker/dockerfile:1
# shape: built for two architectures, downloads by TARGETARCH
FROM --platform=$BUILDPLATFORM debian:12-slim AS fetch
ARG TARGETARCH
ARG ENGINE_VERSION=1.17.1
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl && rm -rf /var/lib/apt/lists/*
RUN case "$TARGETARCH" in \
      amd64) arch=x64 ;; \
      arm64) arch=aarch64 ;; \
      *) echo "no engine for $TARGETARCH" >&2; exit 1 ;; \
    esac; \
    curl -fsSL "https://downloads.example.com/engine/v${ENGINE_VERSION}/engine-linux-${arch}-${ENGINE_VERSION}.tgz" \
      | tar -xz --strip-components=1 -C /opt

FROM --platform=linux/amd64 python:3.11-slim AS tests
COPY tests /tests
RUN pip install --no-cache-dir pytest && pytest /tests

FROM python:3.11-slim
ARG TARGETPLATFORM TARGETVARIANT
LABEL platform="$TARGETPLATFORM$TARGETVARIANT"
COPY --from=fetch /opt /opt/engine
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d \
    https://downloads.example.com/data/vocab.txt /opt/engine/vocab.txt
ENV LD_LIBRARY_PATH=/opt/engine/lib
CMD ["python", "-m", "engine"]
