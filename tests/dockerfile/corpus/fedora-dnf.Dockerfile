# shape: dnf and a machine learning stack on a distribution of the other family
FROM registry.fedoraproject.org/fedora:40

RUN dnf -y update && \
    dnf -y install python3 python3-pip python3-devel gcc-c++ make && \
    dnf clean all

RUN python3 -m pip install --upgrade pip && \
    python3 -m pip install scikit-learn==1.5.0 lightgbm==4.3.0 fastapi

COPY app /app
WORKDIR /app
RUN groupadd -r app && useradd -r -g app app

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="fedora-dnf" \
      org.opencontainers.image.vendor="Example"

USER app
CMD ["uvicorn", "main:app", "--host=0.0.0.0"]
