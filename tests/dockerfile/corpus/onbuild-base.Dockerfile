# shape: a base image whose triggers build the images on it
FROM python:3.11-slim

ENV PIP_NO_CACHE_DIR=1
WORKDIR /usr/src/app

ONBUILD COPY requirements.txt /usr/src/app/
ONBUILD RUN pip install --no-cache-dir -r requirements.txt
ONBUILD COPY --chown=1000:1000 . /usr/src/app
ONBUILD ENV BUILT_BY="the base image" STAGE=child
ONBUILD EXPOSE 8080/tcp
ONBUILD HEALTHCHECK --interval=1m CMD ["python", "-m", "probe"]
ONBUILD USER 1000

CMD ["python3"]
