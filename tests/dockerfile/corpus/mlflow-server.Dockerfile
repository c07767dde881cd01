# shape: tracking server with a database driver, shell form command
FROM python:3.10-slim-bullseye
LABEL maintainer "ml@example.com"

ENV BACKEND_URI sqlite:////mlflow/mlflow.db
ENV ARTIFACT_ROOT /mlflow/artifacts

RUN apt-get update && apt-get install -y default-libmysqlclient-dev gcc pkg-config curl && \
    rm -rf /var/lib/apt/lists/*

RUN pip install mlflow==2.9.2 mysqlclient boto3 psycopg2-binary

VOLUME /mlflow
EXPOSE 5000
HEALTHCHECK --interval=5s --timeout=5s CMD curl -f http://localhost:5000/health || exit 1

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="mlflow-server" \
      org.opencontainers.image.vendor="Example"

CMD mlflow server --backend-store-uri ${BACKEND_URI} --default-artifact-root ${ARTIFACT_ROOT} --host 0.0.0.0
