# shape: poetry with development dependencies in the shipped image
FROM python:3.9-buster

ARG YOUR_ENV=production

ENV YOUR_ENV=${YOUR_ENV} \
  PYTHONFAULTHANDLER=1 \
  PYTHONHASHSEED=random \
  PIP_DEFAULT_TIMEOUT=100 \
  POETRY_VERSION=1.1.13

RUN curl -sSL https://install.example.com/poetry | python3 -
ENV PATH="${PATH}:/root/.local/bin"

WORKDIR /code
COPY . /code
RUN poetry config virtualenvs.create false \
  && poetry install --no-interaction --no-ansi

RUN python manage.py collectstatic --noinput
EXPOSE 8000
CMD python manage.py runserver 0.0.0.0:8000
