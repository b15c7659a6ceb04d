"""Small charts as SVG, drawn on the server. ``{% load charts %}``."""

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

WIDTH, HEIGHT = 120.0, 32.0
CHART_WIDTH, CHART_HEIGHT = 1000.0, 200.0


def _points(values: Sequence[int], width: float, height: float, top: int) -> list[tuple[float, float]]:
    """Return the middle of each value's column, the highest possible value at the upper edge."""
    step = width / len(values)
    return [
        (round(step * (place + 0.5), 1), round(height - height * value / top, 1)) for place, value in enumerate(values)
    ]


@register.simple_tag
def sparkline(values: Sequence[int], css: str = "text-primary") -> SafeString:
    """Return a line through the values with a light area below it; decorative, the number stands beside it."""
    numbers = list(values)
    if len(numbers) < 2:
        return SafeString("")
    step = WIDTH / (len(numbers) - 1)
    top = max(*numbers, 1)
    path = " ".join(
        f"{round(step * place, 1)},{round(HEIGHT - 2 - (HEIGHT - 4) * value / top, 1)}"
        for place, value in enumerate(numbers)
    )
    return format_html(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<polygon points="0,{} {} {},{}" fill="currentColor" opacity="0.12"></polygon>'
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.75" '
        'stroke-linejoin="round" vector-effect="non-scaling-stroke"></polyline></svg>',
        css,
        int(WIDTH),
        int(HEIGHT),
        int(HEIGHT),
        path,
        int(WIDTH),
        int(HEIGHT),
        path,
    )


@register.simple_tag
def bars_and_line(bars: Sequence[int], line: Sequence[int], label: str = "") -> SafeString:
    """Return a chart of two rows of equal length, each on its own scale: grey bars, a red line over them.

    It stretches to its box; the scales' numbers and the days stand beside it as text.
    """
    columns = list(bars)
    over = list(line)
    if not columns:
        return SafeString("")
    step = CHART_WIDTH / len(columns)
    wide = round(min(step * 0.5, 40), 1)
    tops = _points(columns, CHART_WIDTH, CHART_HEIGHT, nice_top(columns))
    dots = _points(over, CHART_WIDTH, CHART_HEIGHT, nice_top(over))
    grid = format_html_join(
        "",
        '<path d="M0 {}H{}" stroke="var(--color-base-300)" vector-effect="non-scaling-stroke"></path>',
        ((CHART_HEIGHT * part / 4, int(CHART_WIDTH)) for part in range(5)),
    )
    drawn = format_html_join(
        "",
        '<path d="M{} {}V{}" stroke="var(--color-base-300)" stroke-width="{}"></path>',
        ((x, int(CHART_HEIGHT), y, wide) for x, y in tops if y < CHART_HEIGHT),
    )
    # A line of no length with round ends is a dot that keeps its shape however the box is stretched.
    marks = format_html_join(
        "",
        '<path d="M{} {}h0.01" stroke="var(--color-primary)" stroke-width="7" stroke-linecap="round" '
        'vector-effect="non-scaling-stroke"></path>',
        dots if len(dots) <= 14 else (),
    )
    return format_html(
        '<svg class="block h-full w-full overflow-visible" viewBox="0 0 {} {}" preserveAspectRatio="none" '
        'role="img" aria-label="{}">{}{}<polyline points="{}" fill="none" stroke="var(--color-primary)" '
        'stroke-width="2.5" stroke-linejoin="round" vector-effect="non-scaling-stroke"></polyline>{}</svg>',
        int(CHART_WIDTH),
        int(CHART_HEIGHT),
        label,
        grid,
        drawn,
        " ".join(f"{x},{y}" for x, y in dots),
        marks,
    )


def nice_top(values: Sequence[int]) -> int:
    """Return the end of a scale for these values: a number whose quarters are whole, 4 at least."""
    highest = max(values, default=0)
    power = 1
    while True:
        for head in (4, 8, 12, 20, 40):
            if head * power >= highest:
                return head * power
        power *= 10


@register.filter
def scale(values: Sequence[int]) -> list[int]:
    """Return the five numbers beside a chart's grid, the highest first."""
    top = nice_top(list(values))
    return [top * part // 4 for part in range(4, -1, -1)]


@register.filter
def percent_of_change(change_bp: int) -> str:
    """Return a change in basis points as a percentage with one digit: 1240 → ``12.4%``; its sign is drawn beside it."""
    tenths = abs(change_bp) // 10
    return f"{tenths // 10}.{tenths % 10}%"


@register.filter
def same(value: object, other: object) -> bool:
    """Return whether two values are the same; for parameters of an included template."""
    return value == other
