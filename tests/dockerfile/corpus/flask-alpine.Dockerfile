# shape: alpine, compilers as a virtual package, musl wheels
FROM python:3.12-alpine

RUN apk add --update --no-cache --virtual .build-deps \
        gcc musl-dev linux-headers openblas-dev \
 && pip install numpy scikit-learn flask \
 && apk del .build-deps

RUN apk add libstdc++ openblas

WORKDIR /srv
ADD app.tar.gz /srv/
COPY model.pkl ./

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="flask-alpine" \
      org.opencontainers.image.vendor="Example"

USER nobody
EXPOSE 80
CMD ["flask", "run", "--host=0.0.0.0", "--port=80"]
