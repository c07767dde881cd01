# syntax=docker/dockerfile:1
# shape: wheels of a private index, credentials by secret mount, locked with hashes
FROM python:3.11-slim AS deps
ENV PIP_NO_INPUT=1
WORKDIR /deps
COPY requirements.lock ./
RUN --mount=type=secret,id=netrc,target=/root/.netrc,mode=0400 \
    --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/venv && \
    /opt/venv/bin/pip install --require-hashes --index-url https://index.example.com/simple -r requirements.lock

FROM python:3.11-slim
COPY --from=deps /opt/venv /opt/venv
COPY service /srv/service
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/srv
RUN ["python", "-m", "compileall", "-q", "/srv/service"]

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="private-index-by-mount" \
      org.opencontainers.image.vendor="Example"

USER 65534:65534
EXPOSE 8443
CMD ["python", "-m", "service"]
