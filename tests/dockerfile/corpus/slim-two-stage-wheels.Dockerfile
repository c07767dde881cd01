# shape: wheels built in one stage, installed in the next
FROM python:3.11 AS builder
WORKDIR /wheels
COPY requirements.txt .
RUN apt-get update && apt-get install -y --no-install-recommends \
      gfortran libopenblas-dev liblapack-dev && \
    pip wheel --no-cache-dir --no-deps --wheel-dir /wheels -r requirements.txt

FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends libopenblas0 && rm -rf /var/lib/apt/lists/*
COPY --from=builder /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -rf /wheels
COPY forecast /opt/forecast
ENV PYTHONPATH=/opt

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="slim-two-stage-wheels" \
      org.opencontainers.image.vendor="Example"

USER 1001
CMD ["python", "-m", "forecast"]
