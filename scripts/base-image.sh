#!/usr/bin/env bash
# Makes a Debian base for the sandbox image where no registry can be reached, from the machine's own
# package sources, and imports it into the engine of DOCKER_HOST. Needs mmdebstrap and, without user
# namespaces, root. The image build prefers this base when the engine has it.
#
# Usage: scripts/base-image.sh [TAG]     TAG defaults to caisson/base:bookworm
set -euo pipefail
tag=${1:-caisson/base:bookworm}
suite=${CAISSON_BASE_SUITE:-bookworm}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

command -v mmdebstrap >/dev/null || { echo "base-image: mmdebstrap is missing: apt-get install mmdebstrap" >&2; exit 1; }
command -v docker >/dev/null || { echo "base-image: the docker command is missing" >&2; exit 1; }

# The sources that name the suite, in either of the two formats; without any, mmdebstrap's own default.
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  if [ -f "$file" ] && grep -Eq "(^deb .*|^Suites:.*)\b$suite\b" "$file"; then sources+=("$file"); fi
done

# Where downloads pass through authorities of the machine's own, an image built from this base trusts them too.
hooks=()
for file in /usr/local/share/ca-certificates/*.crt; do
  if [ -f "$file" ]; then hooks+=("--customize-hook=copy-in $file /usr/local/share/ca-certificates"); fi
done
if [ ${#hooks[@]} -gt 0 ]; then hooks+=('--customize-hook=chroot "$1" update-ca-certificates'); fi
if [ -f /etc/pip.conf ]; then hooks+=("--customize-hook=copy-in /etc/pip.conf /etc"); fi

mmdebstrap --quiet --variant=minbase --include=python3,ca-certificates,procps \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  ${hooks[@]+"${hooks[@]}"} "$suite" "$scratch/root.tar" ${sources[@]+"${sources[@]}"}
docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  "$scratch/root.tar" "$tag" >/dev/null
echo "made $tag"
