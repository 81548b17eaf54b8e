#!/usr/bin/env bash
# A Debian with npm and nothing else: made from packages, and a person's first hour walked in it (firstHour.sh).
#
#   tests/e2e/bareDebian.sh caisson-0.1.0.tgz
#
# Needs root and mmdebstrap. npm is Debian's own, with Node 18: the oldest that the package has to work with.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tarball=$(realpath "$1")
scratch=$(mktemp -d)
root=$scratch/debian
trap 'rm -rf --one-file-system "$scratch"' EXIT

mmdebstrap --quiet --mode=root --variant=minbase --include=npm,ca-certificates bookworm "$root"
cp "$tarball" "$root/root/caisson.tgz"
cp "$here/firstHour.sh" "$root/root/"
# The machine's own authorities and name servers, where its network needs them.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/machine.crt"
cp /etc/resolv.conf "$root/etc/resolv.conf"

# The mounts end with the namespace.
exec_in_root='
  mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root NODE_EXTRA_CA_CERTS=/etc/ssl/certs/machine.crt \
    chroot "$0" bash /root/firstHour.sh /root/caisson.tgz'
unshare -m --propagation private bash -c "$exec_in_root" "$root"
