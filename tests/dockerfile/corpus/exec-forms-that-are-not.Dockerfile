# shape: arrays that are no JSON, and so are shell commands
FROM alpine:3.20
RUN ['echo', 'single quotes']
RUN ["echo", "trailing comma",]
RUN [ "echo", "unfinished"
RUN [ -f /etc/passwd ] && echo yes
RUN [[ -f /etc/passwd ]] || true
RUN {echo,braces}
COPY ["a file.txt", "/dst/"]
COPY [a.txt, /dst/]
ADD ["archive.tar.gz","/opt/"]
VOLUME [/data]

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="exec-forms-that-are-not" \
      org.opencontainers.image.vendor="Example"

CMD ["echo", "a \"quoted\" word", "caf\u00e9", "tab\there"]
ENTRYPOINT ["sh", "-c", "exec \"$0\" \"$@\""]
