# Images of Ramz: the targets api, worker, migrate and simulator. docker-compose.yml builds and runs
# them; docs/compose.md tells the rest. Needs nothing of BuildKit, so any builder will do.

ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim
# Where the programs come from: the stage below, or an image that holds them in /out.
ARG BINARIES=build

FROM ${RUST_IMAGE} AS toolchain
WORKDIR /src
ENV CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_STRIP=symbols

# The manifests with empty sources: what the dependencies are built from. It comes out the same
# whatever changes in our own code, so the next stage is taken from the cache.
FROM toolchain AS manifests
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock -delete \
    && find . -type d -empty -delete \
    && for manifest in */Cargo.toml; do \
        mkdir -p "${manifest%/*}/src" \
        && touch "${manifest%/*}/src/lib.rs" \
        && echo 'fn main() {}' > "${manifest%/*}/src/main.rs"; \
    done

FROM toolchain AS dependencies
COPY --from=manifests /src .
RUN cargo build --release --locked -p api -p worker -p migrate -p simulator --bins

FROM dependencies AS build
COPY . .
# Read by the compiler: the label `commit` of ramz_build_info. Here, so that dependencies stay cached.
ARG RAMZ_COMMIT=unknown
# The empty sources were built later than ours were written; Cargo would take them for ours.
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && cargo build --release --locked -p api -p worker -p migrate -p simulator --bins \
    && mkdir /out \
    && cd target/release && cp api worker migrate simulator /out/ \
    && cp /etc/ssl/certs/ca-certificates.crt /out/

FROM ${BINARIES} AS binaries

FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG RAMZ_COMMIT=unknown
LABEL org.opencontainers.image.title="Ramz" \
    org.opencontainers.image.description="Sign-in by phone number with a one-time code" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${RAMZ_COMMIT}" \
    org.opencontainers.image.licenses="MIT"
# The gateway's certificate is checked with the roots of the system.
COPY --from=binaries /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# A number, so that an orchestrator sees that it is not root. No file of the image is its own.
USER 10001:10001
WORKDIR /
STOPSIGNAL SIGTERM

FROM runtime AS migrate
COPY --from=binaries /out/migrate /usr/local/bin/migrate
ENTRYPOINT ["migrate"]

FROM runtime AS api
COPY --from=binaries /out/api /usr/local/bin/api
ENV LISTEN=0.0.0.0:8000 METRICS_LISTEN=0.0.0.0:9464
EXPOSE 8000 9464
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["api", "healthcheck"]
ENTRYPOINT ["api"]

FROM runtime AS worker
COPY --from=binaries /out/worker /usr/local/bin/worker
ENV METRICS_LISTEN=0.0.0.0:9465
EXPOSE 9465
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["worker", "--healthcheck"]
ENTRYPOINT ["worker"]

FROM runtime AS simulator
COPY --from=binaries /out/simulator /usr/local/bin/simulator
ENV SIMULATOR_LISTEN=0.0.0.0:8025
EXPOSE 8025
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["simulator", "--healthcheck"]
ENTRYPOINT ["simulator"]
