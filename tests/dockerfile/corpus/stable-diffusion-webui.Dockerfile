# shape: image generator, weights fetched while building, git clone at head
FROM nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04

ENV DEBIAN_FRONTEND=noninteractive PIP_PREFER_BINARY=1

RUN apt-get update && apt-get install -y wget git python3 python3-venv python3-pip libgl1 libglib2.0-0 google-perftools

RUN useradd -m webui
USER webui
WORKDIR /home/webui

RUN git clone https://git.example.com/imaging/webui.git

WORKDIR /home/webui/webui
RUN python3 -m venv venv && \
    . venv/bin/activate && \
    pip install torch==2.1.2 torchvision==0.16.2 --extra-index-url https://wheels.example.com/cu121 && \
    pip install -r requirements_versions.txt && \
    pip install xformers==0.0.23.post1

RUN wget https://hub.example.com/models/v1-5-pruned-emaonly.safetensors \
      -O models/Stable-diffusion/v1-5-pruned-emaonly.safetensors && \
    wget https://hub.example.com/models/vae-ft-mse-840000-ema-pruned.ckpt -P models/VAE
RUN curl -L -o models/ESRGAN/4x.pth https://hub.example.com/models/4x.pth

ENV LD_PRELOAD=libtcmalloc.so
EXPOSE 7860
CMD ["/bin/bash", "-c", "source venv/bin/activate && python launch.py --listen --port 7860 --xformers"]
