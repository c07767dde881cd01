# shape: vendor's monthly PyTorch image with a few additions
FROM nvcr.io/nvidia/pytorch:24.05-py3

ENV NVIDIA_VISIBLE_DEVICES=all
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
ENV NCCL_DEBUG=INFO NCCL_IB_DISABLE=0

RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
    openssh-server \
    pdsh \
    infiniband-diags \
    && rm -rf /var/lib/apt/lists/*

# the image pins torch in a constraints file; it must survive
RUN cat /etc/pip/constraint.txt || true

RUN pip install --no-cache-dir \
    deepspeed==0.14.2 \
    transformers==4.41.0 \
    datasets==2.19.1 \
    sentencepiece \
    tensorboard

RUN mkdir /var/run/sshd && \
    sed -i 's/#PermitRootLogin prohibit-password/PermitRootLogin yes/' /etc/ssh/sshd_config && \
    echo 'root:changeme' | chpasswd

WORKDIR /workspace/llm
COPY scripts/ scripts/
COPY configs/ configs/
COPY train.py .

EXPOSE 22 6006

CMD ["torchrun", "--nproc_per_node=8", "train.py"]
