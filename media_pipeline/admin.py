"""What people have uploaded, for operators: what became of it, what it cost, what the programs said. Its pictures and
videos are the person's, and are not shown here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jobs.admin import CappedPaginator, LookOnly, badge, confirm
from jobs.services import NotAllowed
from media_pipeline import making, queries, services, toolbox
from media_pipeline.models import Asset, Kind, Outcome, ProductMedia, Rendition, Upload

if TYPE_CHECKING:
    RenditionTable = admin.TabularInline[Rendition, Asset]
    ProductMediaTable = admin.TabularInline[ProductMedia, Asset]
else:
    RenditionTable = ProductMediaTable = admin.TabularInline


class OutcomeFilter(admin.SimpleListFilter):
    title = gettext_lazy("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        return [(outcome.value or "none", str(outcome.label)) for outcome in Outcome]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Asset]) -> QuerySet[Asset]:  # noqa: ARG002
        chosen = self.value()
        return queryset.filter(outcome="" if chosen == "none" else chosen) if chosen else queryset


class KindFilter(admin.SimpleListFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        return [(kind.value, str(kind.label)) for kind in Kind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Asset]) -> QuerySet[Asset]:  # noqa: ARG002
        return queryset.filter(kind=self.value()) if self.value() in Kind.values else queryset


class RenditionInline(RenditionTable):
    model = Rendition
    fields = readonly_fields = ("name", "kind", "pixels", "shown_size", "bitrate", "codecs", "made_at")
    ordering = ("kind", "-width", "name")
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    @admin.display(description=gettext_lazy("pixels"))
    def pixels(self, rendition: Rendition) -> str:
        return f"{rendition.width} × {rendition.height}" if rendition.width else "–"

    @admin.display(description=gettext_lazy("size"))
    def shown_size(self, rendition: Rendition) -> str:
        return filesizeformat(rendition.size)


class ProductMediaInline(ProductMediaTable):
    model = ProductMedia
    fields = readonly_fields = ("product", "position", "alt", "added_at")
    ordering = ("product_id",)
    can_delete = False
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductMedia]:
        found: QuerySet[ProductMedia] = super().get_queryset(request)
        return found.select_related("product")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Asset)
class AssetAdmin(LookOnly):
    list_display = ("name", "state_badge", "kind", "owner", "shown_size", "made_size", "cpu", "ladder", "created_at")
    list_filter = (OutcomeFilter, KindFilter)
    list_per_page = 50
    list_select_related = ("owner", "job")
    ordering = ("-created_at", "-id")
    sortable_by = ()
    paginator = CappedPaginator
    search_fields = ("id",)
    search_help_text = gettext_lazy("An id, as in the address of the file's page.")
    exclude = ("original_key", "placeholder", "cpu_seconds")
    readonly_fields = ("cpu", "made_with")
    inlines = (RenditionInline, ProductMediaInline)
    actions = ("make_again",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        machines = [toolbox.described(tools) for tools in queries.tools_of_late()]
        answer: HttpResponse = super().changelist_view(request, {"machines": machines, **(extra_context or {})})
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        found: QuerySet[Asset] = super().get_queryset(request)
        return found.annotate(made=Sum("renditions__size"))

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Asset],
        search_term: str,
    ) -> tuple[QuerySet[Asset], bool]:
        term = search_term.strip().lower().replace("-", "")
        if not term:
            return queryset, False
        whole = len(term) == 32 and set(term) <= set("0123456789abcdef")  # noqa: PLR2004 (digits of a UUID)
        return (queryset.filter(pk=term) if whole else queryset.none()), False

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, asset: Asset) -> SafeString:
        return badge(asset.state)

    @admin.display(description=gettext_lazy("size"))
    def shown_size(self, asset: Asset) -> str:
        return filesizeformat(asset.size)

    @admin.display(description=gettext_lazy("made of it"))
    def made_size(self, asset: Asset) -> str:
        made: int | None = getattr(asset, "made", None)
        return filesizeformat(made) if made else "–"

    @admin.display(description=gettext_lazy("CPU (s)"))
    def cpu(self, asset: Asset) -> str:
        return number_format(round(asset.cpu_seconds, 1), 1)  # which would cut off the rest

    @admin.display(description=gettext_lazy("made with"))
    def made_with(self, asset: Asset) -> str:
        tools = queries.tools_of(asset)
        return toolbox.described(tools) if tools else "–"

    @admin.action(description=gettext_lazy("Make again"))
    def make_again(self, request: HttpRequest, queryset: QuerySet[Asset]) -> HttpResponse | None:
        chosen = list(queryset)
        possible = [asset for asset in chosen if asset.original_key and not (asset.job and asset.job.is_active)]
        if "confirmed" not in request.POST:
            question = ngettext("Make %(count)d file again?", "Make %(count)d files again?", len(possible))
            return confirm(
                self,
                request,
                title=_("Make again"),
                question=question % {"count": len(possible)},
                consequence=_("What there is stays until the new is there. The ladder is at %(version)d now.")
                % {"version": making.VERSION},
                left_alone=len(chosen) - len(possible),
                names=[asset.name for asset in possible],
                hidden=[("action", "make_again"), *((ACTION_CHECKBOX_NAME, asset.pk) for asset in possible)],
            )
        done = 0
        for asset in possible:
            try:
                services.make_again(asset=asset)
            except NotAllowed:
                continue  # somebody else was quicker
            self.log_change(request, asset, _("Made again"))
            done += 1
        said = ngettext("%(count)d file is made again.", "%(count)d files are made again.", done) % {"count": done}
        self.message_user(request, said, messages.SUCCESS)
        return None


@admin.register(Upload)
class UploadAdmin(LookOnly):
    list_display = ("name", "owner", "shown_length", "created_at", "expires_at", "product", "asset")
    list_per_page = 50
    list_select_related = ("owner", "product", "asset")
    ordering = ("-created_at", "-id")
    sortable_by = ()
    paginator = CappedPaginator

    @admin.display(description=gettext_lazy("length"))
    def shown_length(self, upload: Upload) -> str:
        return filesizeformat(upload.length)
