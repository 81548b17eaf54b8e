#!/usr/bin/env bash
# Makes a virtual environment with one pinned client and prints the path of its Python.
# One each, because the clients want different versions of the openai package.
set -euo pipefail
requirement="$1"
venv="${XDG_CACHE_HOME:-$HOME/.cache}/caisson/compat/$requirement"
if [[ ! -e "$venv/complete" ]]; then
  python3 -m venv --clear "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$requirement" >&2
  touch "$venv/complete"
fi
echo "$venv/bin/python"
