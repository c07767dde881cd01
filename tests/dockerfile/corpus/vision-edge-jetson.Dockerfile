# shape: base for a small GPU board, wheels by address
ARG L4T=r35.4.1
FROM nvcr.io/nvidia/l4t-pytorch:${L4T}-pth2.1-py3

ENV OPENBLAS_CORETYPE=ARMV8
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
        libopencv-python \
        v4l-utils \
        gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad && \
    rm -rf /var/lib/apt/lists/*

RUN pip3 install https://wheels.example.com/jetson/onnxruntime_gpu-1.16.0-cp38-cp38-linux_aarch64.whl
RUN python3 -m pip install --no-deps ultralytics==8.0.200

COPY yolov8n.pt /models/yolov8n.pt
RUN yolo export model=/models/yolov8n.pt format=engine device=0 || true

COPY app /app
WORKDIR /app
CMD ["python3", "camera.py", "--source", "/dev/video0"]
