# shape: package manager of its own, single copied closure
FROM nixos/nix:2.21.1 AS builder
RUN echo "experimental-features = nix-command flakes" >> /etc/nix/nix.conf
WORKDIR /tmp/build
COPY flake.nix flake.lock ./
COPY . .
RUN nix build .#server --no-link --print-out-paths > /tmp/out
RUN mkdir /tmp/closure && cp -R $(nix-store -qR "$(cat /tmp/out)") /tmp/closure

FROM scratch
COPY --from=builder /tmp/closure /nix/store
COPY --from=builder /tmp/out /out
WORKDIR /

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="nix-and-bootstrap" \
      org.opencontainers.image.vendor="Example"

CMD ["/bin/server"]
