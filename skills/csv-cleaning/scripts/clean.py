#!/usr/bin/env python3
"""Make the repairs of a table that cannot lose information, and report each of them."""

import argparse
import re
import sys

sys.path.insert(0, "/tools")

from tabular import read_table  # noqa: E402

MISSING = {"", "-", "--", "n/a", "na", "nan", "null", "none", "#n/a"}


def snake_case(name, taken):
    """Return a column name in snake_case that is not taken yet."""
    base = re.sub(r"\W+", "_", str(name).strip()).strip("_").lower() or "column"
    new, number = base, 2
    while new in taken:
        new, number = f"{base}_{number}", number + 1
    taken.add(new)
    return new


def as_numbers(text):
    """Return the column as numbers, or None when one value is none; brackets are minus.

    A comma groups thousands, unless one value shows that it is the decimal mark throughout.
    """
    import pandas as pd

    # Leading zeros mark identifiers such as postcodes: as numbers they would change.
    if text.str.match(r"^[+-]?0\d").any():
        return None
    plain = text.str.replace(r"^\((.*)\)$", r"-\1", regex=True).str.replace(r"[\s$€£]", "", regex=True)
    european = plain.str.match(r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?%?$").all()
    if european and plain.str.contains(r",(?:\d{1,2}|\d{4,})%?$").any():
        plain = plain.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    grouped = plain.str.match(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
    plain = plain.where(~grouped, plain.str.replace(",", "", regex=False))
    percent = plain.str.endswith("%")
    numbers = pd.to_numeric(plain.str.rstrip("%"), errors="coerce")
    if numbers.isna().any() or (percent.any() and not percent.all()):
        return None
    return numbers / 100 if percent.any() else numbers


def as_dates(text, day_first):
    """Return the column as dates, or None when one value is none."""
    import pandas as pd

    if not text.str.match(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}").all():
        return None
    iso = text.str.match(r"^\d{4}-\d{2}-\d{2}").all()
    dates = pd.to_datetime(text, errors="coerce", dayfirst=False if iso else day_first)
    return None if dates.isna().any() else dates


def clean(table, day_first=False, keep_repeats=False):
    """Return the cleaned table and the sentences that say what was changed."""
    import pandas as pd

    report = []
    rows, columns = table.shape
    taken = set()
    names = {name: snake_case(name, taken) for name in table.columns}
    table = table.rename(columns=names)
    renamed = [f"{old!r} → {new}" for old, new in names.items() if str(old) != new]
    if renamed:
        report.append("renamed " + ", ".join(renamed))
    for name in table.columns:
        column = table[name]
        if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
            continue
        text = column.astype("string").str.replace("\u00a0", " ", regex=False).str.strip()
        trimmed = int((text != column.astype("string")).fillna(False).sum())
        if trimmed:
            report.append(f"{name}: trimmed spaces in {trimmed} values")
        missing = text.str.lower().isin(MISSING).fillna(False)
        if missing.any():
            report.append(f"{name}: {int(missing.sum())} placeholders are now missing values")
        text = text.mask(missing)
        present = text.dropna()
        table[name] = text
        if len(present) == 0:
            continue
        numbers = as_numbers(present)
        dates = as_dates(present, day_first) if numbers is None else None
        if numbers is not None:
            table[name] = numbers.reindex(text.index)
            report.append(f"{name}: {len(present)} texts are now numbers")
        elif dates is not None:
            table[name] = dates.reindex(text.index)
            report.append(f"{name}: {len(present)} texts are now dates")
    table = table.dropna(how="all").dropna(how="all", axis="columns")
    if table.shape[1] < columns:
        report.append(f"dropped {columns - table.shape[1]} empty columns")
    if len(table) < rows:
        report.append(f"dropped {rows - len(table)} empty rows")
    if not keep_repeats:
        before = len(table)
        table = table.drop_duplicates()
        if len(table) < before:
            report.append(f"dropped {before - len(table)} rows that repeat another exactly")
    return table, report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--header", type=int, default=0, help="0-based row of the header")
    parser.add_argument("--sheet", default=0, help="sheet of an Excel file")
    parser.add_argument("--day-first", action="store_true", help="03/04 is 3 April")
    parser.add_argument("--keep-repeats", action="store_true")
    given = parser.parse_args()
    if given.source == given.target:
        sys.exit("the original is never overwritten: name another target")
    # Everything is read as text, so that nothing is guessed before it was looked at.
    table = read_table(given.source, sheet=given.sheet, header=given.header, dtype=str, keep_default_na=False)
    cleaned, report = clean(table, given.day_first, given.keep_repeats)
    cleaned.to_csv(given.target, index=False)
    print(f"{len(table)} rows in, {len(cleaned)} rows out, {len(cleaned.columns)} columns: {given.target}")
    for sentence in report or ["nothing had to be changed"]:
        print(f"- {sentence}")
    for name in cleaned.columns:
        if str(cleaned[name].dtype) in ("string", "object"):
            spellings = cleaned[name].dropna().astype(str)
            alike = spellings.nunique() - spellings.str.casefold().nunique()
            if alike:
                print(f"- left alone: {name} has {alike} values that differ from another only in case")


main()
