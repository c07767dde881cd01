# shape: a long RUN with loops, functions, cases and traps
FROM ubuntu:22.04
ARG COMPONENTS="core tools extras"
ARG VERIFY=1

RUN set -eu; \
    log() { printf '%s\n' "$*" >&2; }; \
    fetch() { \
        url="$1"; out="$2"; \
        for try in 1 2 3; do \
            if curl -fsSL "$url" -o "$out"; then return 0; fi; \
            log "try $try failed: $url"; \
            sleep "$((try * 2))"; \
        done; \
        return 1; \
    }; \
    trap 'rm -rf /tmp/work' EXIT; \
    apt-get update; \
    apt-get install -y --no-install-recommends curl ca-certificates gnupg; \
    mkdir -p /tmp/work; \
    for component in $COMPONENTS; do \
        case "$component" in \
            core)   version=1.4.2 ;; \
            tools)  version=0.9.0 ;; \
            *)      version=latest ;; \
        esac; \
        # the name of the file has the version in it
        file="$component-$version.tar.gz"; \
        fetch "https://downloads.example.com/$file" "/tmp/work/$file"; \
        if [ "$VERIFY" = 1 ]; then \
            fetch "https://downloads.example.com/$file.sha256" "/tmp/work/$file.sha256"; \
            ( cd /tmp/work && sha256sum -c "$file.sha256" ); \
        fi; \
        tar -xzf "/tmp/work/$file" -C /opt; \
    done; \
    while read -r name value; do \
        echo "export $name=$value"; \
    done < /opt/core/environment > /etc/profile.d/core.sh; \
    apt-get purge -y --auto-remove curl gnupg; \
    rm -rf /var/lib/apt/lists/*

RUN if command -v python3 >/dev/null 2>&1; then python3 -V; else echo "no python" && exit 0; fi
RUN test "$(id -u)" -eq 0 || { echo 'not root'; exit 1; }
RUN echo "$((1 + 2))" "`uname -m`" "${COMPONENTS%% *}" '$literal' \
  && cat /etc/os-release | grep -E '^(ID|VERSION_ID)=' | tee /tmp/os > /dev/null
CMD ["bash", "-l"]
