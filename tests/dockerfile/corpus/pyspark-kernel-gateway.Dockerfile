# shape: notebook kernels behind a gateway, fixed versions, apt keys
FROM ubuntu:22.04

ARG PY=3.10.12
ENV DEBIAN_FRONTEND=noninteractive PYENV_ROOT=/opt/pyenv
ENV PATH=$PYENV_ROOT/shims:$PYENV_ROOT/bin:$PATH

RUN set -eux \
 && apt-get update \
 && apt-get install -y --no-install-recommends \
      build-essential ca-certificates curl git gnupg \
      libbz2-dev libffi-dev liblzma-dev libncurses-dev libreadline-dev \
      libsqlite3-dev libssl-dev xz-utils zlib1g-dev openjdk-17-jre-headless \
 && curl -fsSL https://tools.example.com/pyenv.run | bash \
 && pyenv install "$PY" \
 && pyenv global "$PY" \
 && apt-get purge -y build-essential \
 && apt-get autoremove -y \
 && rm -rf /var/lib/apt/lists/* /tmp/*

RUN pip install --no-cache-dir \
      jupyter_kernel_gateway==2.5.2 \
      pyspark==3.5.1 \
      pandas==2.2.2

COPY kernels/ /usr/local/share/jupyter/kernels/
EXPOSE 8888
CMD ["jupyter", "kernelgateway", "--KernelGatewayApp.ip=0.0.0.0"]
