# shape: several programs in one container under a supervisor
FROM python:3.11-alpine3.19
RUN apk add --no-cache nginx supervisor redis bash tini \
    && mkdir -p /run/nginx /var/log/supervisor
COPY nginx.conf /etc/nginx/http.d/default.conf
COPY supervisord.conf /etc/supervisor/conf.d/supervisord.conf
WORKDIR /app
COPY pyproject.toml ./
COPY src ./src
RUN pip install .

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="apk-supervisor" \
      org.opencontainers.image.vendor="Example"

EXPOSE 80 443
ENTRYPOINT ["/sbin/tini", "--"]
CMD ["/usr/bin/supervisord", "-n", "-c", "/etc/supervisor/conf.d/supervisord.conf"]
