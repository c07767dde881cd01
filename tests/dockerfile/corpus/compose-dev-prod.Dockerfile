# shape: one file for laptop and production, a stage each
FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1
WORKDIR /app
RUN pip install --no-cache-dir pipenv==2023.11.15
COPY Pipfile Pipfile.lock ./

FROM base AS development
RUN pipenv install --system --deploy --dev
RUN apt-get update && apt-get install -y --no-install-recommends git less && rm -rf /var/lib/apt/lists/*
COPY . .
CMD ["python", "-m", "debugpy", "--listen", "0.0.0.0:5678", "-m", "uvicorn", "app:app", "--reload"]

FROM base AS production
RUN pipenv install --system --deploy
COPY app.py ./
COPY templates templates
RUN useradd --uid 5000 --no-create-home web
USER 5000
CMD ["gunicorn", "app:app", "-k", "uvicorn.workers.UvicornWorker", "-b", ":8000"]
