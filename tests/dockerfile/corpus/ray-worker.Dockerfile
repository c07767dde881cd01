# shape: worker of a cluster scheduler, sudo and ssh inside
FROM rayproject/ray-ml:2.9.3-py310-gpu

USER root
RUN sudo apt-get update && sudo apt-get install -y rsync openssh-server \
  && sudo rm -rf /var/lib/apt/lists/*
RUN echo "ray ALL=(ALL) NOPASSWD:ALL" >> /etc/sudoers
USER ray

COPY --chown=ray:users requirements.txt /home/ray/requirements.txt
RUN pip install --no-cache-dir -r /home/ray/requirements.txt \
    && pip install --no-cache-dir "ray[serve,tune]==2.9.3"

COPY --chown=ray:users . /home/ray/app
WORKDIR /home/ray/app
RUN pip install -e .

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="ray-worker" \
      org.opencontainers.image.vendor="Example"

EXPOSE 6379 8265 10001
CMD ["ray", "start", "--head", "--block", "--dashboard-host=0.0.0.0"]
