# shape: inference server with Python backend and ensembles
ARG TRITON=24.04
FROM nvcr.io/nvidia/tritonserver:${TRITON}-py3 AS server

ENV TRANSFORMERS_CACHE=/cache/hf \
    OMP_NUM_THREADS=1

RUN pip3 install --no-cache-dir torch==2.3.0 transformers==4.40.2 tokenizers

COPY model_repository /models

RUN python3 - <<EOF
from transformers import AutoTokenizer
AutoTokenizer.from_pretrained("distilbert-base-uncased")
EOF

EXPOSE 8000 8001 8002
STOPSIGNAL SIGTERM
ENTRYPOINT ["tritonserver"]
CMD ["--model-repository=/models", "--log-verbose=1", "--exit-timeout-secs=30"]
