#!/usr/bin/env bash
# Builds the services' image and runs the two services as docker-compose.yml does, where there is no Compose: read-only,
# without capabilities, the engine's socket in one of them, the way out in the other. One question has to be answered
# from a container.
#
#   tests/e2e/serviceImage.sh
#
# Needs an engine at DOCKER_HOST or the usual socket, and the sandbox image.
set -euo pipefail
cd "$(dirname "$0")/../.."
id=caisson-e2e-$$
image=$id:latest
socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
socket=${socket#unix://}
port=${SERVICE_PORT:-18473}
base=debian:bookworm-slim
! docker image inspect caisson/base:bookworm >/dev/null 2>&1 || base=caisson/base:bookworm

cleanup() {
  docker rm -fv "$id-api" "$id-mcp" >/dev/null 2>&1 || true
  docker network rm "$id-tools" "$id-out" >/dev/null 2>&1 || true
  docker volume rm "$id-api" "$id-mcp" >/dev/null 2>&1 || true
  docker rmi "$image" >/dev/null 2>&1 || true
}
trap cleanup EXIT
fail() { printf 'FAILED: %s\n' "$*" >&2; docker logs --tail 20 "$id-api" >&2 || true; docker logs --tail 20 "$id-mcp" >&2 || true; exit 1; }

docker build --quiet --network host -f image/service/Dockerfile --build-arg "BASE=$base" -t "$image" . >/dev/null
docker inspect "$image" --format '{{index .Config.Labels "org.opencontainers.image.title"}} from {{index .Config.Labels "org.opencontainers.image.base.name"}}'
docker run --rm --entrypoint cat "$image" /usr/share/caisson.cdx.json | grep -q '"pkg:npm/effect@' || fail "the SBOM does not name effect"

docker network create --internal "$id-tools" >/dev/null
docker network create "$id-out" >/dev/null
sealed=(--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --init)
docker run -d --name "$id-mcp" --network "$id-tools" --network-alias mcp-server "${sealed[@]}" \
  --group-add "$(stat -c %g "$socket")" -v "$socket:/run/engine.sock" -v "$id-mcp:/data" \
  -e CAISSON_MCP_HOST=0.0.0.0 -e CAISSON_MCP_ALLOWED_HOSTS=mcp-server -e CAISSON_API_KEYS=agent-api:between-the-two \
  -e CAISSON_SANDBOX=docker -e DOCKER_HOST=unix:///run/engine.sock \
  -e "MCP_EXECUTOR_IMAGE=${MCP_EXECUTOR_IMAGE:-mcp-code-executor:latest}" "$image" mcp >/dev/null
docker create --name "$id-api" --network "$id-out" -p "127.0.0.1:$port:8000" "${sealed[@]}" -v "$id-api:/data" \
  -e AGENT_API_HOST=0.0.0.0 -e MCP_SERVER_URL=http://mcp-server:8989/mcp -e CAISSON_MCP_API_KEY=between-the-two \
  -e CAISSON_API_KEYS=me:of-the-client "$image" serve >/dev/null
docker network connect "$id-tools" "$id-api"

healthy() {
  for _ in $(seq 120); do
    [ "$(docker inspect "$1" --format '{{.State.Health.Status}}')" != healthy ] || return 0
    sleep 0.5
  done
  fail "$1 is not healthy"
}
healthy "$id-mcp"
docker start "$id-api" >/dev/null
healthy "$id-api"

# The question comes from inside, for the machine may have no curl.
answer=$(docker exec "$id-api" deno eval --quiet --no-config --no-lock '
  const response = await fetch("http://127.0.0.1:8000/v1/chat/completions", {
    method: "POST",
    headers: { authorization: "Bearer of-the-client", "content-type": "application/json" },
    body: JSON.stringify({ user: "ada", messages: [{ role: "user", content: "Execute: print(6 * 7)" }] }),
  });
  console.log(await response.text());')
case $answer in *42*) ;; *) fail "$answer" ;; esac

docker stop "$id-api" "$id-mcp" >/dev/null
for name in api mcp; do
  [ "$(docker inspect "$id-$name" --format '{{.State.ExitCode}}')" = 0 ] || fail "$name did not end with 0"
done
echo "two services, healthy, answered, ended with 0"
