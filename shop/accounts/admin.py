from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from shop.accounts import services
from shop.accounts.models import Role, User

if TYPE_CHECKING:
    PersonAdminBase = UserAdmin[User]
else:
    PersonAdminBase = UserAdmin


class RolesField(forms.MultipleChoiceField):
    def __init__(self) -> None:
        super().__init__(label=_("roles"), choices=Role.choices, widget=forms.CheckboxSelectMultiple)


class PersonForm(UserChangeForm):  # type: ignore[type-arg]
    roles = RolesField()


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]
    roles = RolesField()


class RoleFilter(admin.SimpleListFilter):
    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:  # noqa: ARG002
        return Role.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002
        return queryset.filter(roles__contains=[self.value()]) if self.value() else queryset


admin.site.unregister(Group)  # what people may do follows from their roles


@admin.register(User)
class PersonAdmin(PersonAdminBase):
    """People and their roles. Only superusers change them; who holds the role of operator may look."""

    form = PersonForm
    add_form = NewPersonForm
    list_display = ("username", "shown_name", "email", "shown_roles", "is_active", "last_login")
    list_filter = (RoleFilter, "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    filter_horizontal = ()
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "roles", "is_active")}),
        (_("Person"), {"fields": ("last_name", "first_name", "email", "language")}),
        (_("Times"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "last_name", "first_name", "roles")}),
        (_("Password"), {"fields": ("usable_password", "password1", "password2")}),
    )

    @admin.display(description=_("name"))
    def shown_name(self, person: User) -> str:
        return person.shown_name

    @admin.display(description=_("roles"))
    def shown_roles(self, person: User) -> str:
        return ", ".join(str(Role(role).label) for role in person.roles)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        (_name, first), *rest = self.fieldsets
        seen = tuple(field for field in first["fields"] if field != "password")
        return [(None, {"fields": seen}), *rest]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        services.set_roles(person=obj, roles=form.cleaned_data["roles"])
