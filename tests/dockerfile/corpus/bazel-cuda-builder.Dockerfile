# shape: a builder image, tools pinned by checksum, no command
FROM nvidia/cuda:12.3.2-devel-ubuntu22.04@sha256:0000000000000000000000000000000000000000000000000000000000000001 AS builder

ARG BAZELISK=1.19.0
ARG BAZELISK_SHA256=d28b588ac0916abd6bf02defb5433f6eddf7cba35ffa808eabb65a44aab226f7
ARG LLVM=17

SHELL ["/bin/bash", "-euxo", "pipefail", "-c"]

RUN apt-get update; \
    apt-get install -y --no-install-recommends \
        ca-certificates=20230311ubuntu0.22.04.1 \
        curl \
        git \
        gnupg \
        python3 \
        python3-dev \
        unzip \
        zip; \
    rm -rf /var/lib/apt/lists/*

RUN curl -fsSLo /usr/local/bin/bazel \
        "https://tools.example.com/bazelisk/v${BAZELISK}/bazelisk-linux-amd64"; \
    echo "${BAZELISK_SHA256}  /usr/local/bin/bazel" | sha256sum --check --strict; \
    chmod +x /usr/local/bin/bazel

RUN curl -fsSL https://apt.example.com/llvm.key | gpg --dearmor -o /usr/share/keyrings/llvm.gpg; \
    echo "deb [signed-by=/usr/share/keyrings/llvm.gpg] https://apt.example.com/jammy/ llvm-toolchain-jammy-${LLVM} main" \
      > /etc/apt/sources.list.d/llvm.list; \
    apt-get update; \
    apt-get install -y --no-install-recommends clang-${LLVM} lld-${LLVM}; \
    rm -rf /var/lib/apt/lists/*

ENV CC=clang-${LLVM} \
    CXX=clang++-${LLVM} \
    TF_NEED_CUDA=1 \
    TF_CUDA_COMPUTE_CAPABILITIES=sm_80,sm_90
WORKDIR /src
