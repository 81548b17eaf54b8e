#!/usr/bin/env bash
# `docker compose up --build` as the README writes it: the two services from docker-compose.yml and its override, with
# an .env that holds the two keys. One question has to be answered, and both have to end by themselves.
#
#   tests/e2e/compose.sh
#
# Needs Compose (2, or Debian's docker-compose), an engine at DOCKER_HOST or the usual socket, and the sandbox image.
set -euo pipefail
cd "$(dirname "$0")/../.."
id=caisson-e2e-$$
scratch=$(mktemp -d)
socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
socket=${socket#unix://}
export CAISSON_SERVICE_IMAGE="$id:latest" CAISSON_ENGINE_SOCKET="$socket"
# A port on which nothing listens, of those that the kernel gives to nobody by itself.
free_port() {
  local port=
  while port=$((10240 + RANDOM % 11000 * 2)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
AGENT_API_PORT=${SERVICE_PORT:-$(free_port)}
CAISSON_PREVIEW_PORT=${PREVIEW_PORT:-$((AGENT_API_PORT + 1))}
export AGENT_API_PORT CAISSON_PREVIEW_PORT
# Debian's docker-compose gives a busy engine a minute for each request, and then ends.
export COMPOSE_HTTP_TIMEOUT=600
CAISSON_ENGINE_GID=$(stat -c %g "$socket")
export CAISSON_ENGINE_GID
! docker image inspect caisson/base:bookworm >/dev/null 2>&1 || export CAISSON_BASE=caisson/base:bookworm

# Builds reach the package registries as this machine does; Compose has no flag for it.
for service in mcp-server agent-api; do
  printf '  %s:\n    build: { context: "%s", network: host }\n' "$service" "$PWD"
done | { echo services:; cat; } >"$scratch/network.yml"
printf 'CAISSON_API_KEYS=me:of-the-client\nCAISSON_MCP_API_KEY=between-the-two\n' >"$scratch/.env"

if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
compose+=(--project-name "$id" --env-file "$scratch/.env" -f docker-compose.yml -f docker-compose.override.yml -f "$scratch/network.yml")
"${compose[@]}" version | sed -n 1p

cleanup() {
  "${compose[@]}" down --volumes --timeout 1 >/dev/null 2>&1 || true
  docker rmi "$CAISSON_SERVICE_IMAGE" >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap cleanup EXIT
fail() { printf 'FAILED: %s\n' "$*" >&2; "${compose[@]}" logs --tail 20 >&2 || true; exit 1; }

"${compose[@]}" up --build --detach >"$scratch/up.log" 2>&1 || { tail -n 40 "$scratch/up.log" >&2; fail "up"; }
docker inspect "$CAISSON_SERVICE_IMAGE" --format '{{index .Config.Labels "org.opencontainers.image.title"}} from {{index .Config.Labels "org.opencontainers.image.base.name"}}'
docker run --rm --entrypoint cat "$CAISSON_SERVICE_IMAGE" /usr/share/caisson.cdx.json >"$scratch/sbom.json"
grep -q '"pkg:npm/effect@' "$scratch/sbom.json" || fail "the SBOM does not name effect"

api=$("${compose[@]}" ps -q agent-api)
mcp=$("${compose[@]}" ps -q mcp-server)
for service in "$mcp" "$api"; do
  for _ in $(seq 600); do
    [ "$(docker inspect "$service" --format '{{.State.Health.Status}}')" != healthy ] || continue 2
    sleep 0.5
  done
  fail "$service is not healthy"
done

# The question comes from inside, for the machine may have no curl.
answer=$(docker exec "$api" deno eval --quiet --no-config --no-lock '
  const response = await fetch("http://127.0.0.1:8000/v1/chat/completions", {
    method: "POST",
    headers: { authorization: "Bearer of-the-client", "content-type": "application/json" },
    body: JSON.stringify({ user: "ada", messages: [{ role: "user", content: "Execute: print(6 * 7)" }] }),
  });
  console.log(await response.text());')
case $answer in *42*) ;; *) fail "$answer" ;; esac

"${compose[@]}" stop >/dev/null 2>&1
for service in "$api" "$mcp"; do
  [ "$(docker inspect "$service" --format '{{.State.ExitCode}}')" = 0 ] || fail "$service did not end with 0"
done
echo "two services by Compose: healthy, answered, ended with 0"
