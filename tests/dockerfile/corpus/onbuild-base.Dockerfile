# shape: a base image whose triggers build the images on it
FROM python:3.11-slim

ENV PIP_NO_CACHE_DIR=1
WORKDIR /usr/src/app

ONBUILD COPY requirements.txt /usr/src/app/
ONBUILD RUN pip install --no-cache-dir -r requirements.txt
ONBUILD COPY --chown=1000:1000 . /usr/src/app
ONBUILD ENV BUILT_BY="the base image" STAGE=child
ONBUILD EXPOSE 8080/tcp
ONBUILD HEALTHCHECK --interval=1m CMD ["python", "-m", "probe"]
ONBUILD USER 1000

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="onbuild-base" \
      org.opencontainers.image.vendor="Example"

CMD ["python3"]
