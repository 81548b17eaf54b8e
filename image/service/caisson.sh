#!/bin/sh
# The command caisson of the service image: the program takes the place of this shell, with the permissions that the
# settings of the container need. Settings are variables here; a command line has no flags.
set -eu
run='deno run --quiet --no-prompt --no-config --no-lock --node-modules-dir=manual'
name=${1:-serve}
[ $# -eq 0 ] || shift
case $name in
  serve) grants='env write run' flags='--allow-net --allow-sys=statfs' program=server.js ;;
  mcp) grants='env write run' flags=--allow-net program=mcp.js ;;
  erase) grants='env write run' flags=--allow-net program=scripts/erase.js ;;
  doctor | image) grants='env write sockets' flags='' program=scripts/$name.js ;;
  keys) grants='env keys' flags='' program=scripts/keys.js ;;
  *)
    echo "caisson: there is no command $name here: serve, mcp, doctor, image, keys, erase" >&2
    exit 2
    ;;
esac
set -- --allow-read $flags "/app/$program" "$@"
# One start of Deno prints all of them, a line each: a path may have spaces.
granted=$($run --ignore-env --allow-env=CAISSON_*,DOCKER_HOST,HOME,XDG_RUNTIME_DIR --allow-read /app/scripts/grants.js $grants)
set -f
IFS='
'
set -- $granted "$@"
unset IFS
exec $run --ignore-env "$@"
