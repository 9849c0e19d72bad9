"""The site's template tags: how money, times, states, icons and form fields look. Described in docs/ui.md."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.db.models import Choices
from django.forms import BoundField
from django.template.context import Context
from django.template.defaultfilters import date as format_date
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from shop import money as shop_money
from web import durations

register = template.Library()

_TONE_ICONS = {
    "neutral": "circle",
    "progress": "loader-circle",
    "good": "circle-check",
    "bad": "circle-x",
    "warning": "triangle-alert",
}
_MESSAGE_TONES = {"success": "good", "error": "bad", "warning": "warning", "info": "progress"}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """``{% icon "clock" %}``: an icon from icons.svg. Give a ``label`` only where no word stands beside it."""
    sprite = static("web/icons.svg")
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"></use></svg>', label, sprite, name
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name)


@register.simple_tag
def badge(state: Choices) -> SafeString:
    """``{% badge live.state %}``: the badge of a state enum's member, which has a label, a ``tone`` and, where the
    tone's own icon says too little, an ``icon``."""
    tone: str = getattr(state, "tone", "neutral")
    return format_html(
        '<span class="badge {}">{}{}</span>', tone, icon(getattr(state, "icon", _TONE_ICONS[tone])), state.label
    )


@register.filter
def tone_icon(tone: str) -> str:
    return _TONE_ICONS[tone]


@register.filter
def message_tone(level_tag: str) -> str:
    """The tone of a message of Django's messages framework."""
    return _MESSAGE_TONES.get(level_tag, "neutral")


@register.simple_tag
def money(amount: "int | shop_money.Money", currency: str = "", decimals: int | None = None) -> str:
    """``{% money order.total order.currency %}`` or ``{% money total %}`` of a Money: ``1.290.000 ₫``."""
    language = get_language() or "vi"
    if isinstance(amount, shop_money.Money):
        return amount.show(language=language)
    return shop_money.show(amount, currency, decimals, language=language)


def _absolute(at: datetime) -> str:
    return format_date(timezone.localtime(at), "DATETIME_FORMAT")


def _time(at: datetime, shown: str, hover: str) -> SafeString:
    return format_html('<time datetime="{}" title="{}">{}</time>', at.astimezone(UTC).isoformat(), hover, shown)


@register.simple_tag
def when(at: datetime | None) -> SafeString | str:
    """``{% when job.finished_at %}``: ``25/11/2026 14:30`` in the shop's time zone, UTC on hover; a dash for None."""
    if at is None:
        return "–"
    return _time(at, _absolute(at), f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")


@register.simple_tag(takes_context=True)
def ago(context: Context, at: datetime | None) -> SafeString | str:
    """``{% ago job.created_at %}``: ``3 min ago``, or ``in 3 min``, with the absolute time on hover; a dash for None.

    Measured against the context's ``now`` where the view passes one.
    """
    if at is None:
        return "–"
    seconds = ((context.get("now") or timezone.now()) - at).total_seconds()
    duration = durations.in_words(abs(seconds))
    shown = gettext("%(duration)s ago") if seconds >= 0 else gettext("in %(duration)s")
    return _time(at, shown % {"duration": duration}, _absolute(at))


@register.filter
def duration(seconds: float | None) -> str:
    """``{{ queue.oldest_age|duration }}``: seconds in words; a dash for None."""
    return "–" if seconds is None else durations.in_words(seconds)


@register.filter
def time_left(seconds: float | None) -> str:
    """``{{ seconds_left|time_left }}``: ``about 20 s left``; nothing for None."""
    return "" if seconds is None else durations.left_in_words(seconds)


@register.filter
def translated(word: str) -> str:
    """A word that a row keeps in English (a unit, say) in the reader's language."""
    return gettext(word) if word else ""


@register.inclusion_tag("web/components/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """``{% field form.period %}``: label, control, help and errors of one form field, wired up for screen readers."""
    return {"field": bound, "group": bound.field.widget.use_fieldset}


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: Any) -> str:
    """``{% query state="failed" before=None %}``: this page's query string with some parameters changed or dropped."""
    parameters = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            parameters.pop(name, None)
        else:
            parameters[name] = str(value)
    encoded = parameters.urlencode()
    return f"?{encoded}" if encoded else "?"
