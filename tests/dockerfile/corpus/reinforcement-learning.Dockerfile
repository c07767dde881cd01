# shape: simulators, display, patched licence files
FROM nvidia/cudagl:11.4.2-runtime-ubuntu20.04

ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends \
    libglew-dev libosmesa6-dev libgl1-mesa-glx libglfw3 patchelf \
    xvfb xserver-xephyr python3-dev python3-pip git wget swig cmake \
    && rm -rf /var/lib/apt/lists/*

RUN mkdir -p /root/.mujoco \
    && wget https://downloads.example.com/mujoco210-linux-x86_64.tar.gz -O mujoco.tar.gz \
    && tar -xf mujoco.tar.gz -C /root/.mujoco \
    && rm mujoco.tar.gz
ENV LD_LIBRARY_PATH /root/.mujoco/mujoco210/bin:${LD_LIBRARY_PATH}

RUN pip3 install 'gym[atari,accept-rom-license]==0.21.0' \
                 'mujoco-py<2.2,>=2.1' \
                 stable-baselines3 \
                 "cython<3"
RUN python3 -c "import mujoco_py"

COPY . /rl
WORKDIR /rl
ENV DISPLAY=:99
ENTRYPOINT ["/bin/sh", "-c", "Xvfb :99 -screen 0 1024x768x24 & exec \"$@\"", "--"]
CMD ["python3", "train.py", "--env=Ant-v3"]
