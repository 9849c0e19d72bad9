"""The kinds of report that there are. A new one is a file beside these, and its name in the list."""

from typing import Final

from reports.kinds import customers, margins, payments, revenue, revenue_by, stock, vat
from reports.specs import Spec, UnknownChoice

#: By name, in the order in which people are shown them.
KINDS: Final[dict[str, Spec]] = {
    kind.SPEC.name: kind.SPEC for kind in (revenue, revenue_by, margins, payments, vat, stock, customers)
}


def get(name: str) -> Spec:
    """Raises UnknownChoice."""
    try:
        return KINDS[name]
    except KeyError:
        raise UnknownChoice(name) from None
