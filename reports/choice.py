"""What a person chose: everything about a report but its days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from reports import kinds
from reports.specs import Column, Format, Spec, UnknownChoice


@dataclass(frozen=True, slots=True)
class Choice:
    """Attributes:
    columns: names; those that are always there need not be among them.
    filters: the values that are kept, by the filter's name; a filter that is not there keeps all.
    order: the name of a column to order rows by, after a minus for the other way round; "" for the kind's own order.
    """

    kind: str
    format: Format
    columns: Sequence[str]
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    order: str = ""

    @property
    def spec(self) -> Spec:
        return kinds.get(self.kind)

    @property
    def selected(self) -> list[Column]:
        return self.spec.selected(self.columns)

    @property
    def is_personal(self) -> bool:
        """Whether it says something about customers."""
        try:
            return self.spec.personal or any(column.personal for column in self.selected)
        except UnknownChoice:
            return True  # what another release has made may be

    def checked(self) -> Self:
        """The same with all its columns, and without filters that keep everything.

        Raises UnknownChoice for a kind, column, filter, value or order that there is not.
        """
        columns = self.selected
        filters = {one.name: one for one in self.spec.filters}
        for name, values in self.filters.items():
            if name not in filters:
                raise UnknownChoice(name)
            unknown = set(values) - {value for value, _words in filters[name].choices()}
            if unknown:
                raise UnknownChoice(", ".join(sorted(unknown)))
        if self.order and self.order.removeprefix("-") not in {column.name for column in columns}:
            raise UnknownChoice(self.order)
        return replace(
            self,
            columns=[column.name for column in columns],
            filters={name: sorted(set(values)) for name, values in self.filters.items() if values},
        )
