# syntax=docker/dockerfile:1.7-labs
# shape: ONNX runtime on distroless, copied with parents and excludes
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
RUN python -m venv --copies /app/venv
ENV PATH=/app/venv/bin:$PATH
COPY requirements.lock .
RUN --mount=type=cache,target=/root/.cache/pip,id=pip-311 \
    pip install --require-hashes -r requirements.lock
COPY --parents src/**/*.py ./
COPY --exclude=*.md --exclude=tests/** . /context

FROM gcr.io/distroless/python3-debian12:nonroot
COPY --from=build --link /app/venv/lib/python3.11/site-packages /usr/lib/python3/dist-packages
COPY --from=build /app/src /app/src
COPY --chown=nonroot:nonroot model.onnx /models/model.onnx
WORKDIR /app
ENV PYTHONPATH=/usr/lib/python3/dist-packages
EXPOSE 8001
ENTRYPOINT ["python3", "-m", "src.serve"]
