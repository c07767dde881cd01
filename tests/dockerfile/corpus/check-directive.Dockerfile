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
CMD ["app"]
