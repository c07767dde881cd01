# shape: stage names with capitals, dots and numbers, stages by number
FROM golang:1.22 AS Builder
RUN go version
FROM alpine:3.20 as base.v1-2_x
RUN apk add --no-cache ca-certificates
FROM base.v1-2_x AS context
COPY --from=0 /usr/local/go/VERSION /go-version
COPY --from=builder /usr/local/go/LICENSE /licence
FROM scratch AS scratchy
COPY --from=context / /
COPY --from=2 /go-version /go-version
FROM scratchy

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="reserved-and-odd-stage-names" \
      org.opencontainers.image.vendor="Example"

CMD ["/bin/sh"]
