# shape: container for a managed training service
ARG REGION=eu-west-1
ARG ACCOUNT=763104351884
FROM ${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/pytorch-training:2.1.0-gpu-py310-cu121-ubuntu20.04-sagemaker

ENV PATH="/opt/ml/code:${PATH}"
ENV SAGEMAKER_SUBMIT_DIRECTORY /opt/ml/code
ENV SAGEMAKER_PROGRAM train.py

RUN pip install --upgrade pip && \
    pip install sagemaker-training==4.7.4 \
                transformers[sentencepiece]==4.36.2 \
                peft \
                bitsandbytes \
                s3fs

COPY src/ /opt/ml/code/
COPY src/requirements.txt /opt/ml/code/requirements.txt
RUN pip install -r /opt/ml/code/requirements.txt --no-deps

RUN python -c "from transformers import AutoModel; AutoModel.from_pretrained('bert-base-uncased')"

WORKDIR /opt/ml/code
ENTRYPOINT ["bash", "-m", "start_with_right_hostname.sh"]
CMD ["train"]
