"""Tables from files of unknown shape: reading, describing and showing them.

Needs pandas; Excel files also need openpyxl.
"""

from __future__ import annotations

import csv
from pathlib import Path

__all__ = ["read_table", "profile", "to_markdown"]

_SAMPLE_BYTES = 65_536
_ENCODINGS = ("utf-8-sig", "cp1252")
_DELIMITERS = ",;\t|"


def read_table(path, sheet=0, **options):
    """Read a CSV, TSV, Excel, JSON or Parquet file into a DataFrame, finding out encoding and delimiter.

    path: the file; its extension says the format, and an unknown one is read as delimited text.
    sheet: name or index of an Excel sheet.
    options: passed on to the pandas reader, and stronger than what was found out.

    A file that is not UTF-8 is read as Windows-1252. Numbers with a decimal comma are recognised in
    files delimited by semicolons.
    """
    import pandas as pd

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in (".xlsx", ".xlsm", ".xls"):
        return pd.read_excel(path, sheet_name=sheet, **options)
    if suffix == ".parquet":
        return pd.read_parquet(path, **options)
    if suffix in (".json", ".jsonl", ".ndjson"):
        return pd.read_json(path, **{"lines": suffix != ".json", **options})
    found = _sniff(path)
    return pd.read_csv(path, **{**found, **options})


def profile(table):
    """Describe every column of a DataFrame: type, missing, distinct values, range and examples.

    Returns a DataFrame with one row for each column, fit for to_markdown.
    """
    import pandas as pd

    rows = []
    for name in table.columns:
        column = table[name]
        present = column.dropna()
        ordered = pd.api.types.is_numeric_dtype(present) or pd.api.types.is_datetime64_any_dtype(present)
        rows.append({
            "column": name,
            "type": str(column.dtype),
            "missing": int(column.isna().sum()),
            "distinct": int(present.astype(str).nunique()),
            "least": present.min() if ordered and len(present) else "",
            "most": present.max() if ordered and len(present) else "",
            "examples": ", ".join(present.astype(str).drop_duplicates().head(3)),
        })
    return pd.DataFrame(rows)


def to_markdown(table, rows_max=20):
    """Render the first rows of a DataFrame as a Markdown table, saying how many were left out."""
    shown = table.head(rows_max)
    text = shown.to_markdown(index=False)
    left = len(table) - len(shown)
    return f"{text}\n\n({left} more rows)" if left > 0 else text


def _sniff(path):
    sample = path.read_bytes()[:_SAMPLE_BYTES]
    encoding = next((name for name in _ENCODINGS if _decodes(sample, name)), "latin-1")
    text = sample.decode(encoding, "ignore")
    lines = [line for line in text.splitlines()[:50] if line.strip()]
    try:
        delimiter = csv.Sniffer().sniff("\n".join(lines), _DELIMITERS).delimiter
    except csv.Error:
        delimiter = max(_DELIMITERS, key=lambda mark: lines[0].count(mark)) if lines else ","
    return {"encoding": encoding, "sep": delimiter, "decimal": "," if delimiter == ";" else "."}


def _decodes(sample, encoding):
    try:
        # The sample may end inside a character: its last bytes do not count.
        sample[: max(0, len(sample) - 4)].decode(encoding)
        return True
    except UnicodeDecodeError:
        return False
