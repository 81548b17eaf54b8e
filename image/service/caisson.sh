#!/bin/sh
# The command caisson of the service image: the program takes the place of this shell, with the permissions that the
# settings of the container need. Settings are variables here; a command line has no flags.
set -eu
run='deno run --quiet --no-prompt --no-config --no-lock --node-modules-dir=manual'
name=${1:-serve}
[ $# -eq 0 ] || shift
grant() { $run --ignore-env --allow-env=CAISSON_*,DOCKER_HOST,HOME,XDG_RUNTIME_DIR --allow-read /app/scripts/grants.js "$1"; }
case $name in
  serve) set -- --allow-net --allow-sys=statfs "$(grant write)" "$(grant run)" /app/server.js "$@" ;;
  mcp) set -- --allow-net "$(grant write)" "$(grant run)" /app/mcp.js "$@" ;;
  erase) set -- --allow-net "$(grant write)" "$(grant run)" /app/scripts/erase.js "$@" ;;
  doctor | image) set -- "$(grant write)" "$(grant sockets)" "/app/scripts/$name.js" "$@" ;;
  keys) set -- "$(grant keys)" /app/scripts/keys.js "$@" ;;
  *)
    echo "caisson: there is no command $name here: serve, mcp, doctor, image, keys, erase" >&2
    exit 2
    ;;
esac
exec $run --ignore-env "$(grant env)" --allow-read "$@"
