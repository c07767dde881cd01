# shape: archive of a model made while building, started by a script
FROM pytorch/torchserve:0.9.0-gpu AS archive
USER root
RUN apt-get update && apt-get install -y openjdk-17-jdk && rm -rf /var/lib/apt/lists/*
WORKDIR /work
COPY model.pt handler.py index_to_name.json ./
RUN torch-model-archiver --model-name classifier --version 1.0 \
      --serialized-file model.pt --handler handler.py \
      --extra-files index_to_name.json --export-path /work/store

FROM pytorch/torchserve:0.9.0-gpu
COPY --from=archive --chown=model-server /work/store /home/model-server/model-store
COPY config.properties /home/model-server/config.properties

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="torchserve-archiver" \
      org.opencontainers.image.vendor="Example"

EXPOSE 8080 8081 8082 7070 7071
CMD ["torchserve", "--start", "--ncs", "--model-store", "model-store", "--models", "classifier.mar"]
