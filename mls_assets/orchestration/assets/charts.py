"""Small pictures in an asset's metadata, where a picture says more than a number. Pure.

Bars as SVG, in Markdown that the UI shows as an image. They show counts and dates, never content.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape

import dagster as dg

_WIDTH, _HEIGHT, _LEFT, _FOOT, _HEAD = 480, 140, 8, 18, 22
_COLOURS = ("#4f7cac", "#e0a458", "#7aa874")


def bars(
    title: str, series: Mapping[str, Sequence[float]], labels: Sequence[str]
) -> dg.MarkdownMetadataValue:
    """Draw one group of bars a label, in it a bar of each series (at most three).

    `labels` name the groups; all series are as long as they are. Without a value there is no
    picture, but a word.
    """
    highest = max((value for values in series.values() for value in values), default=0)
    if not labels or highest <= 0:
        return dg.MetadataValue.md(f"{title}: nothing to show yet")
    svg = _svg(title, series, labels, highest)
    picture = b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{picture})")


def _svg(
    title: str, series: Mapping[str, Sequence[float]], labels: Sequence[str], highest: float
) -> str:
    room = _HEIGHT - _FOOT - _HEAD
    group = (_WIDTH - 2 * _LEFT) / len(labels)
    width = max(group * 0.8 / len(series), 1.0)
    parts = [_text(_LEFT, 14, f"{title} (highest {highest:,.0f})", 12)]
    for number, (colour, (name, values)) in enumerate(zip(_COLOURS, series.items(), strict=False)):
        if len(series) > 1:
            parts.append(_text(_WIDTH - 90 * (len(series) - number), 14, name, 11, colour))
        for place, value in enumerate(values):
            height = max(room * value / highest, 1.0 if value else 0.0)
            left = _LEFT + place * group + group * 0.1 + number * width
            parts.append(
                f'<rect x="{left:.1f}" y="{_HEAD + room - height:.1f}" width="{width:.1f}" '
                f'height="{height:.1f}" fill="{colour}"/>'
            )
    step = max(len(labels) // 6, 1)
    parts += [
        _text(_LEFT + place * group, _HEIGHT - 4, labels[place], 10)
        for place in range(0, len(labels), step)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="sans-serif"><rect width="100%" height="100%" fill="#ffffff"/>'
        f"{''.join(parts)}</svg>"
    )


def _text(left: float, top: float, text: str, size: int, colour: str = "#333333") -> str:
    return (
        f'<text x="{left:.1f}" y="{top}" font-size="{size}" fill="{colour}">{escape(text)}</text>'
    )
