# shape: accelerators of another vendor, nightly wheels
FROM rocm/pytorch:rocm6.1_ubuntu22.04_py3.10_pytorch_2.1.2

ARG PYTORCH_ROCM_ARCH="gfx90a;gfx942"
ENV PYTORCH_ROCM_ARCH=${PYTORCH_ROCM_ARCH}
ENV HSA_FORCE_FINE_GRAIN_PCIE=1

RUN pip uninstall -y torch torchvision triton \
 && pip install --pre torch torchvision --index-url https://wheels.example.com/nightly/rocm6.1

RUN git clone -b main --depth 1 --recursive https://git.example.com/kernels/composable.git /tmp/ck \
 && cd /tmp/ck \
 && GPU_ARCHS="gfx90a" python3 setup.py install \
 && cd / && rm -rf /tmp/ck

WORKDIR /app
COPY . /app
RUN python3 -m pip install --no-build-isolation -v .

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="rocm-inference" \
      org.opencontainers.image.vendor="Example"

CMD ["/bin/bash"]
