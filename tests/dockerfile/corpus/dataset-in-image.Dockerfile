# shape: dataset fetched, unpacked and deleted in three layers
FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-devel

RUN apt-get update && apt-get install -y wget unzip aria2
WORKDIR /data
RUN wget https://data.example.com/coco/train2017.zip
RUN unzip train2017.zip
RUN rm train2017.zip
RUN aws s3 cp s3://example-bucket/labels.tar.gz . --no-sign-request && tar xzf labels.tar.gz
RUN gdown --id 1a2b3c4d5e6f -O checkpoints/best.pth
RUN kaggle datasets download -d example/cats && unzip cats.zip && rm cats.zip

WORKDIR /workspace
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="dataset-in-image" \
      org.opencontainers.image.vendor="Example"

CMD ["python", "train.py", "--data", "/data"]
