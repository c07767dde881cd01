# shape: micromamba with a lock file, multi stage copy of the environment
FROM mambaorg/micromamba:1.5.8-bookworm-slim AS env

COPY --chown=$MAMBA_USER:$MAMBA_USER conda-lock.yml /tmp/conda-lock.yml
RUN --mount=type=cache,target=/opt/conda/pkgs,uid=57439 \
    micromamba install --name base --yes --file /tmp/conda-lock.yml && \
    micromamba clean --all --yes
ARG MAMBA_DOCKERFILE_ACTIVATE=1
RUN python -c 'import numpy; print(numpy.__version__)'

FROM gcr.io/distroless/base-debian12
COPY --from=env /opt/conda /opt/conda
COPY main.py /main.py
ENV PATH=/opt/conda/bin:${PATH}

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="micromamba-lock" \
      org.opencontainers.image.vendor="Example"

USER 65532:65532
ENTRYPOINT ["/opt/conda/bin/python", "/main.py"]
