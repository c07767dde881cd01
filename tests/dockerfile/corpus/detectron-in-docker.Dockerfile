# shape: vision library compiled against CUDA, user with sudo
FROM nvidia/cuda:11.1.1-cudnn8-devel-ubuntu18.04
# an older driver keeps it there

ENV DEBIAN_FRONTEND noninteractive
RUN apt-get update && apt-get install -y \
	python3-opencv ca-certificates python3-dev git wget sudo ninja-build
RUN ln -sv /usr/bin/python3 /usr/bin/python

# create a non-root user
ARG USER_ID=1000
RUN useradd -m --no-log-init --system  --uid ${USER_ID} appuser -g sudo
RUN echo '%sudo ALL=(ALL) NOPASSWD:ALL' >> /etc/sudoers
USER appuser
WORKDIR /home/appuser

ENV PATH="/home/appuser/.local/bin:${PATH}"
RUN wget https://bootstrap.example.com/pip/3.6/get-pip.py && \
	python3 get-pip.py --user && \
	rm get-pip.py

# dependencies
RUN pip install --user tensorboard cmake onnx
RUN pip install --user torch==1.10 torchvision==0.11.1 -f https://wheels.example.com/cu111/torch_stable

RUN pip install --user 'git+https://git.example.com/vision/fvcore'
RUN git clone https://git.example.com/vision/detectron2 detectron2_repo
# set FORCE_CUDA because during `docker build` cuda is not accessible
ENV FORCE_CUDA="1"
ARG TORCH_CUDA_ARCH_LIST="Kepler;Kepler+Tesla;Maxwell;Maxwell+Tegra;Pascal;Volta;Turing"
ENV TORCH_CUDA_ARCH_LIST="${TORCH_CUDA_ARCH_LIST}"

RUN pip install --user -e detectron2_repo

ENV FVCORE_CACHE="/tmp"
WORKDIR /home/appuser/detectron2_repo
