"""Charts that read well without tuning, saved as PNG files.

Every function takes a DataFrame or anything that makes one, saves a picture and returns its path.
Needs matplotlib and pandas.
"""

from __future__ import annotations

__all__ = ["bar", "line", "scatter", "histogram"]

_COLOURS = ["#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#db2777", "#4b5563"]


def bar(table, x, y, path="/workspace/chart.png", title="", horizontal=None, top=None):
    """Save a bar chart of column y for each value of column x; y may be a list for grouped bars.

    horizontal: lying bars; by default when there are more than eight bars or long names.
    top: show only this many of the largest bars.
    """
    frame, names = _frame(table, x, y)
    if top is not None:
        frame = frame.nlargest(top, names[0])
    lying = horizontal if horizontal is not None else len(frame) > 8 or frame[x].astype(str).str.len().max() > 12
    figure, axes = _figure(height=max(4.0, 0.35 * len(frame)) if lying else 4.5)
    indexed = frame.set_index(x)[names]
    (indexed.iloc[::-1] if lying else indexed).plot(
        kind="barh" if lying else "bar", ax=axes, color=_COLOURS, width=0.75, legend=len(names) > 1
    )
    if len(names) == 1:
        for container in axes.containers:
            labels = [f"{value:,.6g}" for value in container.datavalues]
            axes.bar_label(container, labels=labels, padding=3, fontsize=9)
        axes.margins(**{"x" if lying else "y": 0.12})
    axes.tick_params(axis="x", rotation=0)
    value = ", ".join(names)
    return _save(figure, axes, path, title, value if lying else x, x if lying else value, lying)


def line(table, x, y, path="/workspace/chart.png", title=""):
    """Save a line chart of column y, or several columns, over column x, sorted by x."""
    frame, names = _frame(table, x, y)
    frame = frame.sort_values(x)
    figure, axes = _figure()
    for name, colour in zip(names, _COLOURS * (1 + len(names) // len(_COLOURS))):
        axes.plot(frame[x], frame[name], label=name, color=colour, linewidth=2, marker="o" if len(frame) <= 30 else None)
    if len(names) > 1:
        axes.legend(frameon=False)
    figure.autofmt_xdate() if str(frame[x].dtype).startswith("datetime") else None
    return _save(figure, axes, path, title, x, ", ".join(names))


def scatter(table, x, y, path="/workspace/chart.png", title="", trend=False):
    """Save a scatter chart of column y against column x; trend adds the least-squares line."""
    frame, names = _frame(table, x, y)
    figure, axes = _figure()
    axes.scatter(frame[x], frame[names[0]], color=_COLOURS[0], alpha=0.7, edgecolors="none")
    if trend and len(frame) > 1:
        import numpy as np

        slope, intercept = np.polyfit(frame[x], frame[names[0]], 1)
        ends = np.array([frame[x].min(), frame[x].max()])
        axes.plot(ends, slope * ends + intercept, color=_COLOURS[1], label=f"{slope:.4g} · x + {intercept:.4g}")
        axes.legend(frameon=False)
    return _save(figure, axes, path, title, x, names[0])


def histogram(table, column, path="/workspace/chart.png", title="", bins="auto"):
    """Save a histogram of a column, with its median marked."""
    frame, _ = _frame(table, column, [])
    values = frame[column].dropna()
    figure, axes = _figure()
    axes.hist(values, bins=bins, color=_COLOURS[0], edgecolor="white")
    axes.axvline(values.median(), color=_COLOURS[1], linestyle="--", label=f"median {values.median():,.4g}")
    axes.legend(frameon=False)
    return _save(figure, axes, path, title, column, "count")


def _frame(table, x, y):
    import pandas as pd

    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table)
    names = [y] if isinstance(y, str) else list(y)
    missing = [name for name in [x, *names] if name not in frame.columns]
    if missing:
        raise KeyError(f"no column {missing[0]!r}: the columns are {', '.join(map(str, frame.columns))}")
    return frame, names


def _figure(height=4.5):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(8, height), dpi=150)


def _save(figure, axes, path, title, x_label, y_label, lying=False):
    import matplotlib.pyplot as plt

    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x" if lying else "y", alpha=0.25)
    axes.set_axisbelow(True)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
    return str(path)
