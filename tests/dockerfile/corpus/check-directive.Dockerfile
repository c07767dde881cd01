# syntax=docker/dockerfile:1
# check=skip=SecretsUsedInArgOrEnv;error=true
# escape=\
# shape: all three directives, then an ordinary file
FROM python:3.12-slim
ARG API_KEY_NAME=none
ENV KEY_FILE=/run/secrets/key
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir .

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="check-directive" \
      org.opencontainers.image.vendor="Example"

ENV LOG_LEVEL=info \
    LOG_FORMAT=json \
    TZ=UTC

CMD ["app"]
