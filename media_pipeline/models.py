"""What people have uploaded, and what was made of it.

An asset's state is not a column. Until something has come of it, the state is that of its job, so the two cannot
disagree; ``outcome`` is written once for each making, together with the renditions that it names, by a conditional
UPDATE::

    uploaded → probing → processing → ready | degraded | refused
        ↑         └───────────┬──┬──→ failed
        └─────── retry ───────┘  └──→ cancelled

Made again, it stays what it was until the new renditions are there.
"""

import uuid
from typing import ClassVar, Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from jobs.models import Job
from jobs.models import State as JobState
from media_pipeline.reasons import Missing, Reason
from shop.catalog.models import Product


class Kind(models.TextChoices):
    PICTURE = "picture", _("Picture")
    VIDEO = "video", _("Video")
    SOUND = "sound", _("Sound")


class Outcome(models.TextChoices):
    NONE = "", _("Not yet")
    READY = "ready", _("Ready")
    DEGRADED = "degraded", _("Ready, with something missing")
    REFUSED = "refused", _("Refused")


class State(models.TextChoices):
    UPLOADED = "uploaded", _("Waiting")
    PROBING = "probing", _("Being looked at")
    PROCESSING = "processing", _("Being processed")
    READY = "ready", _("Ready")
    DEGRADED = "degraded", _("Ready, with something missing")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")

    @property
    def tone(self) -> str:
        """The tone of the state's badge: neutral, progress, good, bad, warning."""
        return _TONES[self]


_TONES: Final = {
    State.UPLOADED: "neutral",
    State.PROBING: "progress",
    State.PROCESSING: "progress",
    State.READY: "good",
    State.DEGRADED: "warning",
    State.REFUSED: "bad",
    State.FAILED: "bad",
    State.CANCELLED: "neutral",
}


def new_id() -> uuid.UUID:
    return uuid7()


class Asset(models.Model):
    """One uploaded file, and what it has become."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("owner")
    )
    #: As the person's machine called it: shown, and never part of a path or a command.
    name = models.CharField(_("name"), max_length=255)
    size = models.BigIntegerField(_("size"))
    #: In hexadecimal digits; "" until the job has read the file.
    sha256 = models.CharField("SHA-256", max_length=64, default="", db_default="", blank=True)
    #: The uploaded file's name in storage; "" once it is deleted.
    original_key = models.CharField(max_length=200, default="", db_default="")
    created_at = models.DateTimeField(_("uploaded"), db_default=Now())
    #: The job that makes, or last made, something of it. NULL once that is purged.
    job = models.OneToOneField(Job, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("job"))

    #: What it is, by its content. "" until it was looked at.
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default="", db_default="", blank=True)
    #: ``probe.Facts`` or ``pictures.Facts``, in JSON.
    facts = models.JSONField(_("what is in it"), default=dict, db_default={})
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.NONE, db_default="", blank=True
    )
    #: Why it is refused.
    reason = models.CharField(_("reason"), max_length=30, choices=Reason.choices, default="", db_default="", blank=True)
    #: What is missing of a degraded one.
    missing = ArrayField(
        models.CharField(max_length=30, choices=Missing.choices),
        default=list,
        db_default=[],
        blank=True,
        verbose_name=_("missing"),
    )
    #: Stands for the picture until that has come: a thumbhash in base64 (https://evanw.github.io/thumbhash/).
    placeholder = models.CharField(max_length=60, default="", db_default="")
    #: The release of the ladder that it was made by: an older one can be made again.
    ladder = models.IntegerField(_("ladder"), default=0, db_default=0)
    finished_at = models.DateTimeField(_("finished"), null=True)

    # For the operator.
    cpu_seconds = models.FloatField(_("CPU (s)"), default=0.0, db_default=0.0)
    log = models.TextField(_("log"), default="", db_default="", blank=True)

    class Meta:
        verbose_name = _("asset")
        verbose_name_plural = _("assets")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=["", *Kind.values]), name="asset_kind_known"),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="asset_outcome_known"),
            models.CheckConstraint(
                condition=Q(outcome=Outcome.REFUSED) & ~Q(reason="") | ~Q(outcome=Outcome.REFUSED) & Q(reason=""),
                name="asset_refused_has_its_reason",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", finished_at__isnull=True) | ~Q(outcome="") & Q(finished_at__isnull=False),
                name="asset_outcome_has_its_time",
            ),
            models.CheckConstraint(condition=Q(size__gt=0), name="asset_is_not_empty"),
        ]
        indexes: ClassVar = [models.Index(fields=["owner", "-created_at", "-id"], name="asset_of_owner")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("media:detail", kwargs={"pk": self.pk})

    @property
    def can_be_seen(self) -> bool:
        """There is something of it to be looked at: ``queries.SEEN``, of one row."""
        return self.kind in {Kind.PICTURE, Kind.VIDEO} and self.outcome in {Outcome.READY, Outcome.DEGRADED}

    @property
    def state(self) -> State:
        if self.outcome:
            return State(self.outcome)
        if self.job is None:  # over for so long that the job is purged
            return State.FAILED
        job = JobState(self.job.state)
        if job == JobState.WAITING:
            return State.PROCESSING if self.job.children_left else State.UPLOADED
        if job == JobState.FAILED:
            return State.FAILED
        if job == JobState.CANCELLED:
            return State.CANCELLED
        # A job that has succeeded leaves an outcome; this row may have been read just before that.
        return State.PROCESSING if self.kind else State.PROBING


class RenditionKind(models.TextChoices):
    STREAM = "stream", _("Stream")
    FILE = "file", _("File")
    PICTURE = "picture", _("Picture")
    POSTER = "poster", _("Poster")
    STORYBOARD = "storyboard", _("Previews on the time line")
    CAPTIONS = "captions", _("Captions")


class Rendition(models.Model):
    """One file, or one stream of files, that was made of an asset. It is there only once it can be had."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, db_index=False, related_name="renditions")
    #: Unique within the asset, like ``720p``, ``w1280.webp``, ``poster``, ``vi.vtt``.
    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=12, choices=RenditionKind.choices)
    #: Its file in storage; of a stream, its playlist.
    key = models.CharField(max_length=250)
    #: Everything that belongs to it in storage, ``key`` included.
    keys = ArrayField(models.CharField(max_length=250))
    content_type = models.CharField(_("content type"), max_length=60)
    width = models.IntegerField(_("width"), null=True)
    height = models.IntegerField(_("height"), null=True)
    size = models.BigIntegerField(_("size"))
    #: Of a stream, bits a second: the highest of any segment, and on average.
    peak_bitrate = models.IntegerField(_("peak bitrate"), null=True)
    bitrate = models.IntegerField(_("bitrate"), null=True)
    #: What players need to be told, as in RFC 6381; of captions, their language (BCP 47).
    codecs = models.CharField(_("codecs"), max_length=60, default="", db_default="", blank=True)
    made_at = models.DateTimeField(_("made"), db_default=Now())

    class Meta:
        verbose_name = _("rendition")
        verbose_name_plural = _("renditions")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["asset", "name"], name="rendition_name_once"),
            models.CheckConstraint(condition=Q(kind__in=RenditionKind.values), name="rendition_kind_known"),
            models.CheckConstraint(condition=Q(size__gt=0), name="rendition_is_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name


class VideoPart(models.Model):
    """A part of a long video that is being made: see ``parts``. Part 0 is what was made first, for people to watch
    meanwhile. They are there until the whole is."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, db_index=False, related_name="parts")
    number = models.IntegerField()
    #: The job that has cut the video.
    cut_by = models.UUIDField()
    #: The sizes that it is made in.
    rungs = ArrayField(models.CharField(max_length=20))
    #: See ``cutting.Part``. Of part 0 they mean nothing.
    start = models.IntegerField(default=0)
    cuts = ArrayField(models.IntegerField(), default=list)
    pictures = models.IntegerField(null=True)

    # Once it is made:
    made_at = models.DateTimeField(null=True)
    #: Its files in storage.
    keys = ArrayField(models.CharField(max_length=250), default=list)
    #: Of part 0, what its files are (``made.Made``), and what is missing.
    made = models.JSONField(default=list)
    missing = ArrayField(models.CharField(max_length=30), default=list)
    cpu_seconds = models.FloatField(default=0.0)
    log = models.TextField(default="")

    class Meta:
        verbose_name = _("part of a video")
        verbose_name_plural = _("parts of videos")
        constraints: ClassVar = [models.UniqueConstraint(fields=["asset", "number"], name="video_part_number_once")]

    def __str__(self) -> str:
        return f"{self.asset_id} {self.number}"


class Upload(models.Model):
    """A file on its way in, byte by byte, over as many connections as it takes. How far it is, its file says."""

    #: Unguessable, for it is in the address that bytes are sent to.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=255)
    #: Bytes that it will have.
    length = models.BigIntegerField(_("length"))
    created_at = models.DateTimeField(_("begun"), db_default=Now())
    expires_at = models.DateTimeField(_("kept until"))
    #: Whose pictures and videos it is to be among once it is there.
    product = models.ForeignKey(
        Product, on_delete=models.SET_NULL, null=True, db_index=False, related_name="+", verbose_name=_("product")
    )
    #: What it became: set once, when the last byte was there.
    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, null=True, related_name="+")

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints: ClassVar = [models.CheckConstraint(condition=Q(length__gt=0), name="upload_is_not_empty")]
        indexes: ClassVar = [
            models.Index(fields=["owner"], condition=Q(asset__isnull=True), name="upload_open_of_owner"),
            models.Index(fields=["expires_at"], condition=Q(asset__isnull=True), name="upload_to_expire"),
        ]

    def __str__(self) -> str:
        return self.name


class ProductMedia(models.Model):
    """A picture or video that a product is shown with. What is still being processed has its place already."""

    product = models.ForeignKey(
        Product, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("product")
    )
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="product_media", verbose_name=_("asset"))
    #: Smaller ones come first. What was removed leaves a gap.
    position = models.PositiveSmallIntegerField(_("position"))
    #: What is to be seen, in words, for whoever does not see it. "": nobody has said.
    alt = models.CharField(_("in words"), max_length=250, default="", db_default="", blank=True)
    added_at = models.DateTimeField(_("added"), db_default=Now())

    class Meta:
        verbose_name = _("picture or video of a product")
        verbose_name_plural = _("pictures and videos of products")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["product", "asset"], name="product_media_asset_once"),
            # Looked at when the transaction ends, for on the way two change places.
            models.UniqueConstraint(
                fields=["product", "position"],
                deferrable=models.Deferrable.DEFERRED,
                name="product_media_position_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product}, {self.position}"
