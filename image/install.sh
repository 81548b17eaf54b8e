#!/bin/sh
# Puts into the image what contents/$1.txt lists, takes out what only its making needed, and proves the rest.
# Runs as one layer: a layer never shrinks what an earlier one holds.
set -eu
here=$(dirname "$0")
list=$here/contents/$1.txt
python_packages=/usr/lib/python3/dist-packages

# Names of one kind in the list; a name may hold spaces.
listed() { awk -v kind="$1" '$1 == kind { $1 = ""; print substr($0, 2) }' "$list"; }

export DEBIAN_FRONTEND=noninteractive MPLBACKEND=Agg MPLCONFIGDIR=/tmp/matplotlib
apt-get update
listed debian | xargs apt-get install -y --no-install-recommends

# matplotlib reaches fonttools, scipy, pythran and with it a whole C++ toolchain, static libraries and a
# window system that nothing needs at run time. They are taken out by force; then Debian's record is mended,
# so that an image FROM this one can install more, and what only they needed goes as well.
dpkg-query -W -f '${Package}\n' \
  | grep -E '^(g\+\+|gcc|cpp|binutils|build-essential$|make$|dpkg-dev$|pythran$|libboost.*-dev$|libstdc\+\+-.*-dev$|libgcc-.*-dev$|libc6-dev$|libc-dev-bin$|linux-libc-dev|libcrypt-dev|libnsl-dev|libtirpc-dev|rpcsvc-proto$|libxsimd-dev$|python3-pythran$|lib(openblas|blas|lapack)[a-z0-9-]*-dev|libpython3[.0-9]*-dev|python3[.0-9]*-dev$|python3-tk$|tk8|blt$|libtk8|libtcl8|libjs-|node-|unicode-data$|fonts-lyx$|python-matplotlib-data-doc)' \
  | grep -vE '^gcc-[0-9]+-base$' \
  | xargs -r dpkg --purge --force-depends
python3 "$here/mend_dependencies.py"
apt-get autoremove -y --purge
apt-get check

# What no Debian package has comes from the index of pip's configuration, each file by its hash.
listed pypi > /tmp/pypi.txt
if [ -s /tmp/pypi.txt ] && ! python3 -m pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes \
    --break-system-packages --root-user-action ignore --retries 1 -r /tmp/pypi.txt; then
  echo "WARNING: the Python package index cannot be reached; not in this image:"
  awk '{ print $1 }' /tmp/pypi.txt | tee "$here/absent.txt"
fi

# Tests of libraries are a tenth of their size, and so is a part of SymPy that wants a package Debian has not.
find "$python_packages" -type d -name tests -prune -exec rm -rf {} +
rm -rf "$python_packages/sympy/integrals/rubi"
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
find / -xdev -perm /6000 -type f -exec chmod a-s {} +

# Charts draw Chinese, Japanese, Korean and emoji with fonts that stand behind the first one. Styles that name a
# family of their own, seaborn's among them, get the same: behind a generic family stands only its first font.
printf 'font.family: DejaVu Sans, WenQuanYi Micro Hei, Symbola\n' >> /etc/matplotlibrc
sed -i -E 's/^(font.family *: *[a-z-]+).*/\1, DejaVu Sans, WenQuanYi Micro Hei, Symbola/' /usr/share/matplotlib/mpl-data/stylelib/*.mplstyle
sed -i -E 's/^( +set_style\(style, rc=\{"font.family": )font\}\)/\1[font, "DejaVu Sans", "WenQuanYi Micro Hei", "Symbola"] if isinstance(font, str) else font})/
  s/"font.family": \["sans-serif"\]/"font.family": ["sans-serif", "DejaVu Sans", "WenQuanYi Micro Hei", "Symbola"]/' \
  "$python_packages/seaborn/rcmod.py"
python3 -m compileall -q "$python_packages/seaborn/rcmod.py"
python3 "$here/check_fonts.py"

listed module | sed 's/^/import /' | python3
for name in $(listed command); do
  command -v "$name" > /dev/null || { echo "$name is missing"; exit 1; }
done
rm -rf /tmp/*
