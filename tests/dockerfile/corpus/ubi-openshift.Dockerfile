# shape: enterprise base, arbitrary user numbers, group writable
FROM registry.access.redhat.com/ubi9/python-311:1-66

LABEL io.k8s.display-name="scorer" \
      io.openshift.expose-services="8080:http" \
      io.openshift.tags="python,ml"

USER 0
RUN microdnf install -y --nodocs libgomp && microdnf clean all
COPY --chown=1001:0 . /opt/app-root/src
RUN chgrp -R 0 /opt/app-root/src && chmod -R g=u /opt/app-root/src
USER 1001

RUN pip install --no-cache-dir -r requirements.txt

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="ubi-openshift" \
      org.opencontainers.image.vendor="Example"

EXPOSE 8080
CMD ["/usr/libexec/s2i/run"]
