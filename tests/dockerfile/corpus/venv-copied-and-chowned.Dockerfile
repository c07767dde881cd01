# shape: virtual environment copied, then its owner changed in a layer of its own
FROM python:3.10-slim AS deps
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
COPY requirements.txt .
RUN pip install -r requirements.txt

FROM python:3.10-slim
RUN useradd -ms /bin/bash app
COPY --from=deps /venv /venv
COPY . /home/app/src
RUN chown -R app:app /venv /home/app && chmod -R a+rX /venv
USER app
ENV PATH=/venv/bin:$PATH
WORKDIR /home/app/src

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="venv-copied-and-chowned" \
      org.opencontainers.image.vendor="Example"

ENTRYPOINT ["python", "-m", "src"]
