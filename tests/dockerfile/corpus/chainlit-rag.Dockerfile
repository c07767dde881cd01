# shape: retrieval service, embeddings warmed into the image, several ports
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    TOKENIZERS_PARALLELISM=false \
    SENTENCE_TRANSFORMERS_HOME=/opt/st

RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential poppler-utils tesseract-ocr \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt /app/
RUN pip install --no-cache-dir -r requirements.txt \
    && pip install --no-cache-dir "sentence-transformers==2.7.0" "chromadb>=0.5,<0.6"
RUN python - <<'WARM'
from sentence_transformers import SentenceTransformer

SentenceTransformer("all-MiniLM-L6-v2")
WARM
RUN python -m nltk.downloader punkt stopwords -d /usr/share/nltk_data
RUN python -m spacy download en_core_web_lg
RUN playwright install --with-deps chromium

COPY --chmod=0644 *.py /app/
COPY data/ /app/data/
EXPOSE 8000-8002 9090/udp
CMD ["chainlit", "run", "app.py", "--host", "0.0.0.0", "--port", "8000", "--headless"]
