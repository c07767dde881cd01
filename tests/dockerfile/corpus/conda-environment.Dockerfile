# shape: environment file, conda left as it grows
FROM continuumio/miniconda3

WORKDIR /app

COPY environment.yml .
RUN conda env create -f environment.yml

# everything below runs inside of the environment
SHELL ["conda", "run", "-n", "geo", "/bin/bash", "-c"]

RUN conda install -c conda-forge gdal rasterio cudatoolkit=11.3 -y
RUN echo "conda activate geo" >> ~/.bashrc
RUN python -c "import rasterio"

COPY . .

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="conda-environment" \
      org.opencontainers.image.vendor="Example"

ENTRYPOINT ["conda", "run", "-n", "geo", "python", "run.py"]
