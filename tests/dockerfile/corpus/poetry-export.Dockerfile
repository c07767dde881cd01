# shape: poetry, exported to requirements in a stage of its own
FROM python:3.11-slim AS requirements

WORKDIR /tmp
RUN pip install --no-cache-dir poetry==1.8.3 poetry-plugin-export
COPY ./pyproject.toml ./poetry.lock* /tmp/
RUN poetry export -f requirements.txt --output requirements.txt --without-hashes --only main

FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /code
COPY --from=requirements /tmp/requirements.txt /code/requirements.txt
RUN pip install --upgrade -r /code/requirements.txt

COPY ./app /code/app
RUN adduser --disabled-password --gecos '' worker && chown -R worker:worker /code
USER worker

CMD ["fastapi", "run", "app/main.py", "--port", "80"]
