# shape: accelerator library by extras, links for wheels
FROM python:3.11-slim-bookworm
RUN pip install --no-cache-dir -U pip \
 && pip install --no-cache-dir 'jax[tpu]==0.4.28' -f https://wheels.example.com/libtpu \
 && pip install --no-cache-dir flax optax orbax-checkpoint clu
ENV JAX_PLATFORMS=tpu TPU_STDERR_LOG_LEVEL=0
COPY maxtext /maxtext
WORKDIR /maxtext
ENTRYPOINT ["python3", "train.py"]
