# shape: file whose lines end as Windows has them
FROM python:3.10-slim

ENV A=1 \
    B=2

# comment
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
      libpq-dev \
      # psycopg needs it
      gcc && \
    rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY . ./
RUN <<EOF
echo one
echo two
EOF
CMD ["python", "main.py"]
