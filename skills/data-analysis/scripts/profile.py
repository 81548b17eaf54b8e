#!/usr/bin/env python3
"""Print a short profile of a table: size, columns, missing values, duplicates and what looks wrong."""

import sys

sys.path.insert(0, "/tools")

from tabular import profile, read_table, to_markdown  # noqa: E402


def warnings(table):
    """Yield one sentence for each thing that would make results wrong."""
    import pandas as pd

    repeated = int(table.duplicated().sum())
    if repeated:
        yield f"{repeated} rows repeat another row exactly."
    for name in table.columns:
        column = table[name].dropna()
        if str(name).startswith("Unnamed"):
            yield f"{name!r}: a column without a name; the header may be in another row."
        if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)) or len(column) == 0:
            continue
        text = column.astype(str)
        if (text != text.str.strip()).any():
            yield f"{name!r}: values with spaces around them."
        numbers = pd.to_numeric(text.str.replace(r"[\s,$€£%]", "", regex=True), errors="coerce").notna().mean()
        if numbers > 0.8:
            yield f"{name!r}: {numbers:.0%} of the values are numbers stored as text."
        elif text.str.match(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}").mean() > 0.8:
            yield f"{name!r}: dates stored as text."
        folded = text.str.strip().str.casefold()
        if folded.nunique() < text.nunique():
            yield f"{name!r}: {text.nunique() - folded.nunique()} values differ from another only in case or spaces."


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: profile.py FILE [SHEET]")
    table = read_table(sys.argv[1], **({"sheet": sys.argv[2]} if len(sys.argv) > 2 else {}))
    print(f"{len(table)} rows, {len(table.columns)} columns\n")
    print(to_markdown(profile(table), rows_max=60))
    found = list(warnings(table))
    print("\nWarnings:" if found else "\nNothing looks wrong.")
    for sentence in found:
        print(f"- {sentence}")


main()
