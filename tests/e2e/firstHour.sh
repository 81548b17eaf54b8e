#!/usr/bin/env bash
# The first hour of a person, command by command, on a machine with npm and nothing else: install, start, open the page,
# ask for a chart, make a key, add a provider in .env, restart, upgrade, erase.
#
#   tests/e2e/firstHour.sh caisson-0.1.0.tgz
#
# Prints each step with the seconds since the beginning and ends with 0 when every step did what it should.
set -euo pipefail
tarball=$(realpath "$1")
folder=$(mktemp -d)
chmod 0755 "$folder"
cd "$folder"
# A port on which nothing listens, of those that the kernel gives to nobody by itself.
free_port() {
  local port=
  while port=$((10240 + RANDOM % 11000 * 2)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
port=${FIRST_HOUR_PORT:-$(free_port)}
base=http://127.0.0.1:$port
server=
provider=

cleanup() {
  for pid in $server $provider; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

step() { printf '%4ss  %s\n' "$SECONDS" "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; tail -n 20 server.log >&2 || true; exit 1; }

# http METHOD PATH [BODY] prints the status and the body; KEY is shown when it is set.
http() {
  node -e '
    const [method, url, body] = process.argv.slice(1);
    const headers = { "content-type": "application/json", "x-user-id": "ada" };
    if (process.env.KEY) headers.authorization = "Bearer " + process.env.KEY;
    fetch(url, { method, headers, body }).then(async (r) => console.log(r.status + " " + await r.text()));
  ' "$1" "$base$2" ${3+"$3"}
}
expect() { case $2 in *"$1"*) ;; *) fail "expected $1 in: $2" ;; esac; }

# begun LOG COMMAND... starts it behind, into an empty log: a child empties its own only once it runs, and until then the
# log still says of the last one that it is ready.
begun() {
  : >"$1"
  "${@:2}" >>"$1" 2>&1 &
}
start() {
  begun server.log node_modules/.bin/caisson serve --port "$port"
  server=$!
  for _ in $(seq 600); do
    grep -q 'next: open http' server.log && return 0
    kill -0 "$server" 2>/dev/null || fail "the server ended"
    sleep 0.1
  done
  fail "the server did not start"
}
stop() {
  kill -TERM "$server"
  wait "$server" || fail "the server ended with $?"
  server=
}
caisson() { node_modules/.bin/caisson "$@"; }

step "npm install $(basename "$tarball")"
echo '{}' >package.json
npm install --silent --no-fund --no-audit "$tarball"

step "npx caisson serve"
start
step "the log says: $(grep -o 'next: open http[^ ]*' server.log)"

step "open the page"
expect "<title>" "$(http GET /)"

step "ask for a chart"
chart="import base64, os; os.makedirs('/artifacts', exist_ok=True); open('/artifacts/chart.svg', 'w').write('<svg xmlns=\\\"http://www.w3.org/2000/svg\\\"><rect width=\\\"9\\\" height=\\\"42\\\"/></svg>'); print('drawn', 6 * 7)"
expect "drawn 42" "$(http POST /v1/chat/completions "{\"messages\":[{\"role\":\"user\",\"content\":\"Execute: $chart\"}]}")"
expect "chart.svg" "$(http GET /v1/artifacts)"

step "caisson keys create me"
KEY=$(caisson keys create me 2>/dev/null)
export KEY
for _ in $(seq 300); do
  case $(KEY='' http GET /v1/models) in 401*) break ;; esac
  sleep 0.1
done
expect "401" "$(KEY='' http GET /v1/models)"
expect "200" "$(http GET /v1/models)"

step "add a provider in .env and restart"
begun provider.log node -e '
  require("node:http").createServer((request, response) => {
    request.resume();
    if (request.url.endsWith("/models")) {
      response.setHeader("content-type", "application/json");
      return response.end(JSON.stringify({ object: "list", data: [{ id: "my-model" }] }));
    }
    response.setHeader("content-type", "text/event-stream");
    const chunk = (delta, finish_reason = null) =>
      response.write("data: " + JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 1, model: "my-model",
        choices: [{ index: 0, delta, finish_reason }] }) + "\n\n");
    chunk({ role: "assistant", content: "Hello from my-model" });
    chunk({}, "stop");
    response.end("data: [DONE]\n\n");
  }).listen(+process.argv[1], "127.0.0.1", () => console.log("listening"));
' $((port + 1))
provider=$!
for _ in $(seq 600); do
  ! grep -q listening provider.log || break
  kill -0 "$provider" 2>/dev/null || fail "the provider ended: $(cat provider.log)"
  sleep 0.1
done
printf 'OPENAI_BASE_URL=http://127.0.0.1:%s/v1\r\nOPENAI_API_KEY=sk-mine\r\n' $((port + 1)) >.env
stop
start
expect "Hello from my-model" "$(http POST /v1/chat/completions '{"messages":[{"role":"user","content":"Hello"}]}')"

step "ask with the key, then upgrade"
ask='{"model":"caisson-offline","messages":[{"role":"user","content":"Write a file kept.txt with content '"'still here'"'"}]}'
expect "kept.txt" "$(http POST /v1/chat/completions "$ask")"
stop
npm install --silent --no-fund --no-audit --force "$tarball"
start
expect "still here" "$(http POST /v1/chat/completions '{"model":"caisson-offline","messages":[{"role":"user","content":"Read kept.txt"}]}')"

step "erase ada"
stop
expect "erased" "$(caisson erase api-key:me ada)"
start
case $(http POST /v1/chat/completions '{"model":"caisson-offline","messages":[{"role":"user","content":"Read kept.txt"}]}') in
  *"still here"*) fail "the file is still there" ;;
esac
stop
step "done"
