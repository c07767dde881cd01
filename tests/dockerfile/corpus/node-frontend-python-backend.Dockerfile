# syntax=docker/dockerfile:1
# shape: a web page built by node, served by Python
FROM node:20-alpine AS web
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY web/ ./
RUN npm run build

FROM python:3.11-slim AS api
ENV PYTHONUNBUFFERED=1
WORKDIR /api
COPY api/requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
COPY api/ .
COPY --from=web /web/dist /api/static

RUN addgroup --system app && adduser --system --ingroup app app
USER app
EXPOSE 8000
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
