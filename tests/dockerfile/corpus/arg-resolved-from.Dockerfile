# shape: bases chosen by arguments, a stage per variant
ARG BASE=cpu
ARG PY=3.11
ARG DISTRO=bookworm

FROM python:${PY}-slim-${DISTRO} AS base-cpu
ENV DEVICE=cpu

FROM nvidia/cuda:12.1.1-runtime-ubuntu22.04 AS base-gpu
ENV DEVICE=cuda
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-pip python3-venv \
 && rm -rf /var/lib/apt/lists/*

FROM rocm/dev-ubuntu-22.04:6.0 AS base-rocm
ENV DEVICE=rocm

FROM base-${BASE} AS final
ARG BASE
ARG EXTRA_PIP_ARGS=""
LABEL variant="${BASE}" \
      org.opencontainers.image.source=https://git.example.com/team/repo

RUN python3 -m venv /venv
ENV PATH=/venv/bin:$PATH
COPY requirements-${BASE}.txt requirements.txt
RUN pip install --no-cache-dir ${EXTRA_PIP_ARGS} -r requirements.txt
COPY app app
CMD ["python", "-m", "app"]
