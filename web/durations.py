"""Lengths of time in words a person would use."""

from django.utils.translation import gettext, ngettext

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def in_words(seconds: float) -> str:
    """``20 s``, ``3 min``, ``2 h 5 min``, ``4 days``: two units at most, rounded as people round."""
    if round(seconds) < _MINUTE:
        return gettext("%(seconds)d s") % {"seconds": round(seconds)}
    minutes = round(seconds / _MINUTE)
    if minutes < _HOUR // _MINUTE:
        return gettext("%(minutes)d min") % {"minutes": minutes}
    if minutes < _DAY // _MINUTE:
        hours, minutes = divmod(minutes, 60)
        if not minutes:
            return gettext("%(hours)d h") % {"hours": hours}
        return gettext("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    days = round(seconds / _DAY)
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}


def left_in_words(seconds: float) -> str:
    """What is left of a running job, no more exact than an estimate can be: whole fives of seconds under a minute."""
    if seconds < _MINUTE:
        seconds = max(5, 5 * round(seconds / 5))
    return gettext("about %(duration)s left") % {"duration": in_words(seconds)}
