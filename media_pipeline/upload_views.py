"""Where files come in: tus 1.0.0 (https://tus.io/protocols/resumable-upload) for the page's script and other clients,
and a form for those without.

Neither keeps a file in memory: bytes go to the disk as they come. Errors of the protocol are answered in words, for the
page shows them. To anybody but its owner an upload does not exist.
"""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, Final, ParamSpec
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from jobs.services import NotAllowed
from media_pipeline import product_views, products, queries, services, tus, uploads
from media_pipeline.models import Asset, Upload
from shop.accounts.access import SignedIn, role_required
from shop.accounts.models import Role
from shop.catalog.models import Product

#: Bytes that a form may have in all. Larger files need the page's script, which can go on where it was cut off.
MOST_OF_A_FORM: Final = 50_000_000
#: Seconds after which somebody who found us busy should ask again.
RETRY_AFTER: Final = 2
#: ``socket.SHUT_RD``
_READING: Final = 0
_OPTIONS: Final = {
    "Tus-Version": tus.VERSION,
    "Tus-Extension": tus.EXTENSIONS,
    "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
}
_STATUSES: Final[dict[type[NotAllowed], int]] = {
    services.Empty: HTTPStatus.BAD_REQUEST,
    services.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    services.OverQuota: HTTPStatus.FORBIDDEN,
    services.NoRoom: HTTPStatus.INSUFFICIENT_STORAGE,
    services.Finished: HTTPStatus.FORBIDDEN,
    products.Full: HTTPStatus.FORBIDDEN,
}
#: A product's id, in an address.
_ID: Final = re.compile(r"[0-9]{1,18}")
_places = threading.BoundedSemaphore(settings.UPLOADS_AT_ONCE)

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[SignedIn, Arguments], HttpResponse]


class Answer(Exception):
    """An answer other than the one asked for. ``words``: a sentence for a person."""

    def __init__(self, status: int, words: str | Promise = "", **headers: str) -> None:
        super().__init__(status, words)
        self.status, self.words = status, words
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class NoSuchProduct(Exception):
    """The address names a product that is not there, or is not this person's business."""


def _product(request: SignedIn) -> Product | None:
    """The product that files are uploaded for: the address names it, so that a browser which goes on with an upload by
    the address it began at goes on for the same product. None where it names none. Raises NoSuchProduct."""
    given = request.GET.get("product", "")
    if not given:
        return None
    is_id = _ID.fullmatch(given) and request.user.has_role(Role.OWNER)
    product = queries.product_by_id(int(given)) if is_id else None
    if product is None:
        raise NoSuchProduct
    return product


# --- the protocol ----------------------------------------------------------------------------------------------------


def protocol(view: View[Arguments]) -> Callable[..., HttpResponse]:
    """What is true of every request of tus: who may, which version, and how errors are answered."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponse:
        try:
            response = _options() if request.method == "OPTIONS" else view(_checked(request), *args, **kwargs)
        except Answer as answer:
            response = _in_words(answer.status, answer.words, answer.headers)
        except tus.Malformed as error:
            response = _in_words(HTTPStatus.BAD_REQUEST, str(error))
        except NotAllowed as error:
            response = _in_words(_STATUSES[type(error)], str(error))
        response["Tus-Resumable"] = tus.VERSION
        response["Cache-Control"] = "no-store"
        return response

    return answered


def _checked(request: HttpRequest) -> SignedIn:
    """Raises Answer."""
    if not request.user.is_authenticated:
        raise Answer(HTTPStatus.UNAUTHORIZED, _("You are not signed in any more. Sign in, and go on."))
    if not queries.may_upload(request.user):
        raise Answer(HTTPStatus.FORBIDDEN, _("You may not upload files."))
    if request.headers.get("Tus-Resumable") != tus.VERSION:
        raise Answer(HTTPStatus.PRECONDITION_FAILED, f"tus {tus.VERSION}", Tus_Version=tus.VERSION)
    return request  # type: ignore[return-value]


def _in_words(status: int, words: str | Promise, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(str(words), status=status, content_type="text/plain; charset=utf-8", headers=headers)


def _options() -> HttpResponse:
    return HttpResponse(
        status=HTTPStatus.NO_CONTENT, headers=_OPTIONS | {"Tus-Max-Size": str(settings.UPLOAD_MOST_BYTES)}
    )


def _method(request: HttpRequest) -> str:
    """Proxies that know only GET and POST are told the method in a header."""
    if request.method == "POST":
        return request.headers.get("X-HTTP-Method-Override", "POST").upper()
    return str(request.method)


@protocol
def create(request: SignedIn) -> HttpResponse:
    """Begins an upload; what the request's body holds of it (creation-with-upload) is taken too."""
    if _method(request) != "POST":
        raise Answer(HTTPStatus.METHOD_NOT_ALLOWED, Allow="OPTIONS, POST")
    if "Upload-Concat" in request.headers or "Upload-Defer-Length" in request.headers:
        raise tus.Malformed("Upload-Length: the length of one whole file is needed.")
    length = tus.number("Upload-Length", request.headers.get("Upload-Length"))
    named = tus.metadata(request.headers.get("Upload-Metadata", ""))
    has_bytes = request.content_type == tus.CONTENT_TYPE and _body_length(request) > 0
    try:
        product = _product(request)
    except NoSuchProduct:
        raise Answer(
            HTTPStatus.FORBIDDEN, _("There is no product at this address. It may have been deleted.")
        ) from None
    now = timezone.now()
    upload = services.create_upload(
        owner=request.user,
        name=named.get("filename") or named.get("name", ""),
        length=length,
        product=product,
        now=now,
    )
    response = HttpResponse(status=HTTPStatus.CREATED)
    response["Location"] = reverse("media:upload-bytes", kwargs={"pk": upload.pk})
    if has_bytes:
        _describe(response, _receive(request, upload, offset=0, now=now))
    else:
        response["Upload-Offset"] = "0"
        response["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    return response


@protocol
def upload(request: SignedIn, pk: UUID) -> HttpResponse:
    """One upload: how far it is (HEAD), more of its bytes (PATCH), its end (DELETE)."""
    method = _method(request)
    if method not in {"HEAD", "PATCH", "DELETE"}:
        raise Answer(HTTPStatus.METHOD_NOT_ALLOWED, Allow="OPTIONS, HEAD, PATCH, DELETE")
    found = queries.upload_by_id(pk, owner=request.user)
    if found is None:
        raise Answer(HTTPStatus.NOT_FOUND)
    try:
        if method == "HEAD":
            return _head(found)
        if method == "PATCH":
            return _patch(request, found)
        services.abandon_upload(upload=found)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    except Upload.DoesNotExist:
        raise Answer(HTTPStatus.NOT_FOUND) from None
    except services.Expired:
        raise Answer(HTTPStatus.GONE, _("Nothing came for so long that what there was has been deleted.")) from None
    except services.Busy:
        raise _busy(HTTPStatus.LOCKED) from None


def _busy(status: int) -> Answer:
    return Answer(status, _("The server is busy. Try again in a moment."), Retry_After=str(RETRY_AFTER))


def _head(upload: Upload) -> HttpResponse:
    response = HttpResponse()
    response["Upload-Length"] = str(upload.length)
    return _describe(response, services.progress(upload=upload, now=timezone.now()))


def _patch(request: SignedIn, upload: Upload) -> HttpResponse:
    if request.content_type != tus.CONTENT_TYPE:
        raise Answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: {tus.CONTENT_TYPE}")
    offset = tus.number("Upload-Offset", request.headers.get("Upload-Offset"))
    progress = _receive(request, upload, offset=offset, now=timezone.now())
    return _describe(HttpResponse(status=HTTPStatus.NO_CONTENT), progress)


def _describe(response: HttpResponse, progress: services.Progress) -> HttpResponse:
    response["Upload-Offset"] = str(progress.offset)
    if progress.asset is None:
        response["Upload-Expires"] = http_date(progress.expires_at.timestamp())
    else:
        # Ours: where the person finds what the upload has become.
        response["Upload-Became"] = progress.asset.get_absolute_url()
    return response


def _receive(request: SignedIn, upload: Upload, *, offset: int, now: datetime) -> services.Progress:
    """Takes the request's body. Raises Answer, and what ``services.receive`` does for an upload that is not there or
    not free."""
    length = _body_length(request)
    checksum = tus.checksum(request.headers.get("Upload-Checksum"))
    if not _places.acquire(blocking=False):
        raise _busy(HTTPStatus.SERVICE_UNAVAILABLE)
    try:
        progress = services.receive(
            upload=upload,
            offset=offset,
            length=length,
            read=_reader(request),
            checksum=checksum,
            cut=_cutter(request),
            now=now,
        )
    except services.WrongOffset as error:
        raise Answer(HTTPStatus.CONFLICT, Upload_Offset=str(error.there)) from None
    except services.TooMuch:
        raise Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _("The file is longer than was announced.")) from None
    except services.Mismatch:
        raise Answer(tus.CHECKSUM_MISMATCH, _("The bytes were changed on their way.")) from None
    finally:
        _places.release()
    if progress.is_cut:  # somebody newer goes on with it, or the connection is no more
        raise Answer(HTTPStatus.LOCKED, Upload_Offset=str(progress.offset))
    return progress


def _body_length(request: HttpRequest) -> int:
    """Raises Answer: a body of unknown length is not handed to Django at all."""
    if "Transfer-Encoding" in request.headers:
        raise Answer(HTTPStatus.LENGTH_REQUIRED)
    return tus.number("Content-Length", request.headers.get("Content-Length") or "0")


def _reader(request: HttpRequest) -> uploads.Reader:
    def read(size: int) -> bytes:
        try:
            return request.read(size)
        except UnreadablePostError:  # the connection broke: there is no more
            return b""

    return read


def _cutter(request: HttpRequest) -> Callable[[], None]:
    """Ends a reading of the request's body that waits for bytes, so that it returns those that it has. Gunicorn tells
    the connection; under another server the reading ends with the connection."""
    connection = request.META.get("gunicorn.socket")

    def cut() -> None:
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(_READING)

    return cut


# --- the page --------------------------------------------------------------------------------------------------------


@csrf_exempt  # until the body's way to the disk is laid; the token is asked for then
@role_required(Role.SHOPPER, Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: SignedIn) -> HttpResponse:
    """The page from which files are uploaded, and the form of those without its script. For a product: ``product``."""
    try:
        product = _product(request)
    except NoSuchProduct:
        return product_views.not_found(request)
    if request.method != "POST":
        return _page(request, product)
    length = request.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > MOST_OF_A_FORM:
        problem = _("All files together are larger than 50 MB. Send them with JavaScript switched on.")
        return _page(request, product, problem)
    to_disk = ToDisk(request)
    request.upload_handlers = [to_disk]
    try:
        return _take_form(request, product)
    finally:
        to_disk.drop_what_was_not_taken()


@csrf_protect
def _take_form(request: SignedIn, product: Product | None) -> HttpResponse:
    arrived = [file for file in request.FILES.getlist("files") if isinstance(file, Arrived)]
    assets: list[Asset] = []
    for file in arrived:
        try:
            asset = services.take_file(
                upload=file.upload, owner=request.user, name=file.name or "", product=product, now=timezone.now()
            )
        except NotAllowed as error:
            messages.error(request, f"{tus.shown_name(file.name or '')}: {error}")
        else:
            assets.append(asset)
    if not arrived:
        return _page(request, product, _("Choose at least one file."))
    if not assets:
        return redirect(_address(product))
    count = len(assets)
    messages.success(
        request,
        ngettext(
            "%(count)d file has arrived, and is being processed.",
            "%(count)d files have arrived, and are being processed.",
            count,
        )
        % {"count": count},
    )
    if product is not None:
        return redirect("media:product", product.pk)
    return redirect(assets[0] if count == 1 else "media:list")


def _page(request: SignedIn, product: Product | None, problem: str = "") -> HttpResponse:
    under_way = queries.uploads_under_way(request.user, timezone.now())
    if product is not None:
        under_way = under_way.filter(product=product)
    context = {
        "product": product,
        "under_way": [(upload, services.folder().size(upload.pk), _address(upload.product)) for upload in under_way],
        "problem": problem,
        "most": settings.UPLOAD_MOST_BYTES,
        "address": _address(product),
        "endpoint": _address(product, "media:uploads"),
    }
    status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
    return render(request, "media_pipeline/upload.html", context, status=status)


def _address(product: Product | None, page: str = "media:upload") -> str:
    """Of the page from which, or to which, files are uploaded for the product."""
    return f"{reverse(page)}?product={product.pk}" if product is not None else reverse(page)


@role_required(Role.SHOPPER, Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def abandon(request: SignedIn, pk: UUID) -> HttpResponse:
    """Asks, and throws an unfinished upload away."""
    found = queries.upload_by_id(pk, owner=request.user)
    if found is None or found.asset is not None:
        return redirect("media:upload")
    page = _address(found.product)
    if request.method != "POST":
        return render(
            request,
            "web/confirm.html",
            {
                "question": _("Discard what has arrived of “%(name)s”?") % {"name": found.name},
                "consequence": _("You can upload the file again, from its beginning."),
                "button": _("Discard"),
                "tone": "danger-fill",
                "action": request.path,
                "back": page,
            },
        )
    try:
        services.abandon_upload(upload=found)
    except NotAllowed as error:
        messages.warning(request, str(error))
    except services.Busy:
        messages.warning(request, _("The server is busy. Try again in a moment."))
    return redirect(page)


class Arrived(UploadedFile):  # type: ignore[type-arg]
    """A file of a form that lies where uploads do."""

    def __init__(self, upload: UUID, **facts: Any) -> None:
        super().__init__(None, **facts)
        self.upload = upload


class ToDisk(FileUploadHandler):
    """Writes each file of a form where uploads arrive, under a name of ours."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self._uploads: list[UUID] = []

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._upload = uuid4()
        self._uploads.append(self._upload)
        self._to = uploads.open_new(services.folder(), self._upload)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002
        try:
            self._to.write(raw_data)
        except OSError:
            self._to.close()
            raise StopUpload from None

    def file_complete(self, file_size: int) -> Arrived:
        self._to.close()
        return Arrived(
            self._upload, name=self.file_name, content_type=self.content_type, size=file_size, charset=self.charset
        )

    def drop_what_was_not_taken(self) -> None:
        for upload in self._uploads:
            services.folder().arriving(upload).unlink(missing_ok=True)
