# shape: CUDA devel base, conda for Python, training job
FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu20.04

ARG DEBIAN_FRONTEND=noninteractive
ARG CONDA_VERSION=py310_23.3.1-0
ARG PYTHON_VERSION=3.10

LABEL maintainer="research <research@example.com>" \
      project="segmentation" \
      com.example.gpu="a100"

ENV TZ=Europe/Berlin \
    LANG=C.UTF-8 \
    LC_ALL=C.UTF-8 \
    CUDA_HOME=/usr/local/cuda \
    CONDA_DIR=/opt/conda \
    PATH=/opt/conda/bin:/usr/local/cuda/bin:$PATH \
    LD_LIBRARY_PATH=/usr/local/cuda/lib64

# the key of the driver's repository was rotated once
RUN rm -f /etc/apt/sources.list.d/cuda.list /etc/apt/sources.list.d/nvidia-ml.list

RUN apt-get update && apt-get install -y --no-install-recommends \
        build-essential \
        ca-certificates \
        cmake \
        # needed by the tile reader
        libopenslide0 \
        libsm6 libxext6 libxrender-dev \
        ninja-build \
        openssh-client \
        rsync \
        tmux \
        unzip \
        wget \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/*

RUN wget -q https://conda.example.com/miniconda/Miniconda3-${CONDA_VERSION}-Linux-x86_64.sh -O /tmp/conda.sh && \
    /bin/bash /tmp/conda.sh -b -p ${CONDA_DIR} && \
    rm /tmp/conda.sh && \
    conda install -y python=${PYTHON_VERSION} && \
    conda clean -afy

COPY environment.yml /tmp/environment.yml
RUN conda env create -f /tmp/environment.yml

SHELL ["conda", "run", "-n", "seg", "/bin/bash", "-c"]

RUN pip install torch==2.0.1+cu118 torchvision==0.15.2+cu118 \
      --extra-index-url https://wheels.example.com/cu118
RUN pip install --no-cache-dir \
      pytorch-lightning==2.0.9 \
      albumentations==1.3.1 \
      wandb

RUN git clone https://git.example.com/vision/apex.git /opt/apex && \
    cd /opt/apex && \
    pip install -v --disable-pip-version-check --no-cache-dir \
      --global-option="--cpp_ext" --global-option="--cuda_ext" ./

COPY . /workspace
WORKDIR /workspace
RUN python setup.py develop

ENV WANDB_MODE=offline
ENTRYPOINT ["conda", "run", "--no-capture-output", "-n", "seg"]
CMD ["python", "train.py", "--config", "configs/base.yaml"]
