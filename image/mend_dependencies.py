"""Takes packages that are gone out of the dependencies of those that stay, so that apt works again.

The image loses a C++ toolchain that nothing needs at run time. Debian's record still says that some
packages depend on it, and with such a record apt refuses to install anything in an image made FROM
this one. What is rewritten is the record alone: /var/lib/dpkg/status.
"""

import os
import re
import sys

STATUS = "/var/lib/dpkg/status"
INSTALLED = "Status: install ok installed"
DEPENDENCIES = ("Depends: ", "Pre-Depends: ")


def name_of(alternative):
    """Returns the package of `libc6:any (>= 2.36)`."""
    return re.split(r"[ (:]", alternative.strip(), maxsplit=1)[0]


def field(stanza, name):
    found = re.search(rf"^{name}: (.*)$", stanza, re.MULTILINE)
    return found[1] if found else ""


def present(stanzas):
    """Returns every name that an installed package has or provides."""
    names = set()
    for stanza in stanzas:
        if INSTALLED in stanza:
            names.add(field(stanza, "Package"))
            names.update(name_of(provided) for provided in field(stanza, "Provides").split(",") if provided)
    return names


def mended(line, names):
    """Returns a line of dependencies without those that nothing can meet, None when none is left."""
    head, clauses = line.split(": ", 1)
    kept = [
        clause.strip()
        for clause in clauses.split(",")
        if any(name_of(alternative) in names for alternative in clause.split("|"))
    ]
    return f"{head}: {', '.join(kept)}" if kept else None


def main():
    with open(STATUS, encoding="utf-8") as file:
        stanzas = file.read().split("\n\n")
    names, changed, result = present(stanzas), 0, []
    for stanza in stanzas:
        lines = []
        for line in stanza.split("\n"):
            if line.startswith(DEPENDENCIES) and INSTALLED in stanza:
                new = mended(line, names)
                changed += new != line
                if new is not None:
                    lines.append(new)
            else:
                lines.append(line)
        result.append("\n".join(lines))
    temporary = f"{STATUS}.mended"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write("\n\n".join(result))
    os.rename(temporary, STATUS)
    print(f"mended the dependencies of {changed} lines", file=sys.stderr)


main()
