"""Draws other scripts in every style that a chart can have; a glyph that no font has is an error."""

import io
import warnings

import matplotlib.pyplot as plt
import seaborn

# Chinese, Japanese, Korean, Greek, Cyrillic, Arabic letters, currencies, emoji.
TEXT = "销售额 売上高 매출액 Ω Ж ش € ₹ 😀 ✅ 🚀"


def draw():
    figure, axes = plt.subplots()
    axes.set_title(TEXT)
    figure.savefig(io.BytesIO(), dpi=50)
    plt.close(figure)


def main():
    warnings.filterwarnings("error", message="Glyph .* missing")
    draw()
    for style in plt.style.available:
        if style == "_classic_test_patch":
            continue
        with plt.style.context(style):
            draw()
    seaborn.set_theme()
    draw()


main()
