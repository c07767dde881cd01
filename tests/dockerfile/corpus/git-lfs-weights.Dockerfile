# shape: weights by git large files, cloned at a branch
FROM python:3.11-slim

RUN apt-get update && apt-get install -y git git-lfs && git lfs install && rm -rf /var/lib/apt/lists/*
RUN git clone --depth=1 --branch main https://hub.example.com/models/embedder /models/embedder
RUN git -C /models/embedder lfs pull && rm -rf /models/embedder/.git

COPY pyproject.toml README.md /app/
COPY src /app/src
RUN pip install /app
ENV MODEL_DIR=/models/embedder

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="git-lfs-weights" \
      org.opencontainers.image.vendor="Example"

CMD ["embedder-serve"]
