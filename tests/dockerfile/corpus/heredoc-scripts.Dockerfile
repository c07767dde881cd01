# syntax=docker/dockerfile:1
# shape: scripts and configuration files written as heredocs
FROM debian:bookworm-slim AS tools

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

RUN <<EOT
  set -ex
  apt-get update
  apt-get install -y --no-install-recommends ca-certificates curl jq python3 python3-venv
  rm -rf /var/lib/apt/lists/*
EOT

COPY <<-"ENTRY" /usr/local/bin/entrypoint.sh
	#!/bin/bash
	# $1 is kept for the shell
	set -euo pipefail
	if [[ "${1:-}" == serve ]]; then
	  exec python3 -m server
	fi
	exec "$@"
ENTRY

COPY <<robots.txt <<humans.txt /srv/static/
User-agent: *
Disallow: /
robots.txt
/* TEAM: the model people */
humans.txt

RUN python3 <<'PY'
import json
import pathlib

config = {"model": "tiny", "threads": 4, "paths": ["/models", "/cache"]}
pathlib.Path("/etc/server.json").write_text(json.dumps(config, indent=2) + "\n")
FROM = "not an instruction"
PY

RUN cat <<A > /etc/a.conf && cat <<B > /etc/b.conf
a = 1
A
b = $HOME
B

RUN --mount=type=secret,id=hf_token <<-EOF
	set -e
	export HF_TOKEN="$(cat /run/secrets/hf_token)"
	curl -fsSL -H "Authorization: Bearer $HF_TOKEN" https://hub.example.com/tokenizer.json -o /etc/tokenizer.json
EOF

ADD --chmod=0755 <<EOF /usr/local/bin/wait-for-gpu
#!/bin/sh
until nvidia-smi > /dev/null 2>&1; do
  sleep 1
done
EOF

FROM tools
COPY --from=tools /etc/server.json /etc/server.json
ONBUILD RUN <<EOF
echo triggered
EOF
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
CMD ["serve"]
