"""Draws curves and bars as SVG, which needs no library to draw and none to show."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 720
_HEIGHT: Final = 340
_LEFT: Final = 70
_RIGHT: Final = 20
_TOP: Final = 60
_BOTTOM: Final = 50
_COLORS: Final = ("#6b7280", "#0891b2", "#d97706", "#16a34a", "#7c3aed", "#dc2626")
_BAR_SHARE: Final = 0.8
_LABEL_WIDTH: Final = 110

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Labels:
    """What a drawing says: above it, and along its axes."""

    title: str
    across: str
    up: str


def curves(labels: Labels, series: Mapping[str, Points]) -> str:
    """Draws curves over logarithmic axes; every coordinate is greater than zero."""
    points = [point for each in series.values() for point in each]
    across, up = _Scale.around([x for x, _ in points]), _Scale.around([y for _, y in points])
    parts = _frame(labels, list(series))
    for tick in across.ticks():
        x = _LEFT + across.share(tick) * (_WIDTH - _LEFT - _RIGHT)
        parts += [_line(x, _TOP, x, _HEIGHT - _BOTTOM), _text(x, _HEIGHT - _BOTTOM + 16, _number(tick), "middle")]
    for tick in up.ticks():
        y = _HEIGHT - _BOTTOM - up.share(tick) * (_HEIGHT - _TOP - _BOTTOM)
        parts += [_line(_LEFT, y, _WIDTH - _RIGHT, y), _text(_LEFT - 6, y + 4, _number(tick), "end")]
    for color, each in zip(_COLORS, series.values(), strict=False):
        places = [
            (
                _LEFT + across.share(x) * (_WIDTH - _LEFT - _RIGHT),
                _HEIGHT - _BOTTOM - up.share(y) * (_HEIGHT - _TOP - _BOTTOM),
            )
            for x, y in each
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in places]
    return _document(parts)


def bars(labels: Labels, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Draws groups of bars, each bar by its name; what is below zero is drawn as nothing."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    greatest = max((value for group in groups.values() for value in group.values()), default=1.0) or 1.0
    parts = _frame(labels, names)
    height, room = _HEIGHT - _TOP - _BOTTOM, (_WIDTH - _LEFT - _RIGHT) / max(len(groups), 1)
    step = 10 ** math.floor(math.log10(greatest))
    for count in range(int(greatest / step) + 1):
        y = _HEIGHT - _BOTTOM - count * step / greatest * height
        parts += [_line(_LEFT, y, _WIDTH - _RIGHT, y), _text(_LEFT - 6, y + 4, _number(count * step), "end")]
    for index, (title, group) in enumerate(groups.items()):
        width = room * _BAR_SHARE / max(len(names), 1)
        begin = _LEFT + room * (index + (1 - _BAR_SHARE) / 2)
        parts.append(_text(_LEFT + room * (index + 0.5), _HEIGHT - _BOTTOM + 16, title, "middle"))
        for number, name in enumerate(names):
            tall = max(group.get(name, 0.0), 0.0) / greatest * height
            parts.append(
                f'<rect x="{begin + number * width:.1f}" y="{_HEIGHT - _BOTTOM - tall:.1f}" width="{width - 1:.1f}"'
                f' height="{tall:.1f}" fill="{_COLORS[number % len(_COLORS)]}"/>'
            )
    return _document(parts)


@dataclass(frozen=True, slots=True)
class _Scale:
    """A logarithmic scale, in whole powers of ten."""

    low: int
    high: int

    @classmethod
    def around(cls, values: Sequence[float]) -> "_Scale":
        low = math.floor(math.log10(min(values)))
        return cls(low, max(low + 1, math.ceil(math.log10(max(values)))))

    def share(self, value: float) -> float:
        return (math.log10(value) - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def _frame(labels: Labels, names: Sequence[str]) -> list[str]:
    parts = [_text(_LEFT, 20, labels.title, "start", weight="bold")]
    for number, name in enumerate(names):
        x = _LEFT + number * _LABEL_WIDTH
        color = _COLORS[number % len(_COLORS)]
        parts += [f'<rect x="{x}" y="32" width="10" height="10" fill="{color}"/>', _text(x + 14, 41, name, "start")]
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, labels.across, "middle"))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(f'<g transform="rotate(-90 16 {middle})">{_text(16, middle, labels.up, "middle")}</g>')
    return parts


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#e5e7eb"/>'


def _text(x: float, y: float, text: str, anchor: str, *, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"


def _document(parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}"'
    style = 'font-family="sans-serif" font-size="12" fill="#111827"'
    ground = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
    return "\n".join([f"{head} {style}>", ground, *parts, "</svg>", ""])
