# shape: accelerator library by extras, links for wheels
FROM python:3.11-slim-bookworm
RUN pip install --no-cache-dir -U pip \
 && pip install --no-cache-dir 'jax[tpu]==0.4.28' -f https://wheels.example.com/libtpu \
 && pip install --no-cache-dir flax optax orbax-checkpoint clu
ENV JAX_PLATFORMS=tpu TPU_STDERR_LOG_LEVEL=0
COPY maxtext /maxtext
WORKDIR /maxtext

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="jax-tpu" \
      org.opencontainers.image.vendor="Example"

ENV LOG_LEVEL=info \
    LOG_FORMAT=json \
    TZ=UTC

ENTRYPOINT ["python3", "train.py"]
