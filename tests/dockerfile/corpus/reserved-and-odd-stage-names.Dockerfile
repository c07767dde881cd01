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
CMD ["/bin/sh"]
