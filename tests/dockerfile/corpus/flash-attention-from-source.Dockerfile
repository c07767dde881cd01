# syntax=docker/dockerfile:1
# shape: extension compiled in a devel stage, wheel carried to a runtime stage
FROM nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04 AS kernels

ENV MAX_JOBS=4 \
    TORCH_CUDA_ARCH_LIST="8.0;8.6;9.0" \
    CMAKE_BUILD_PARALLEL_LEVEL=4

RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean; \
    apt-get update && apt-get install -y --no-install-recommends python3-dev python3-pip git ninja-build

WORKDIR /build
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install torch==2.4.0 packaging wheel setuptools
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=cache,target=/root/.cache/ccache \
    pip wheel --no-deps --no-build-isolation -w /wheels flash-attn==2.6.3

FROM nvidia/cuda:12.4.1-base-ubuntu22.04 AS runtime
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=kernels,source=/wheels,target=/wheels \
    --mount=type=cache,target=/root/.cache/pip \
    pip install torch==2.4.0 /wheels/*.whl

COPY --chmod=755 run.sh /usr/local/bin/run
ENTRYPOINT ["run"]
