# shape: metadata instructions in every form
FROM busybox:1.36 AS meta

HEALTHCHECK NONE
HEALTHCHECK --interval=1m30s --timeout=10s --start-period=2m --start-interval=500ms --retries=5 CMD wget -q -O- http://localhost/ || exit 1
HEALTHCHECK CMD ["/bin/probe", "--quick"]

LABEL one two three
LABEL a=1 b="2 3" c='4 5' d=6\ 7 "e f"=g
LABEL org.opencontainers.image.description="line one \
line two"

ENV legacy some value with = signs
ENV A=1
ENV B="quoted $A" C=${A:-x} D=${A:+y} E=\$A

ARG plain
ARG with=default
ARG many=1 of them="a b"

VOLUME /data
VOLUME /data /more "/odd"
VOLUME ["/json", "/with space"]

EXPOSE 80
EXPOSE 80/tcp 443/udp 9000-9010

STOPSIGNAL SIGKILL
STOPSIGNAL 9
USER 1000:1000
USER "${A}"
WORKDIR /a
WORKDIR relative/b
WORKDIR "/with space"
SHELL ["/bin/ash", "-eo", "pipefail", "-c"]
ENTRYPOINT []
ENTRYPOINT exec top -b
CMD []
CMD echo "hello" && echo 'world'
ONBUILD ADD . /app
MAINTAINER someone "someone@example.com"
