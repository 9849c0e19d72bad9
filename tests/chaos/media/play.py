"""Plays a plan: uploads files, hits whoever works on them and keeps them, and waits until every one is over."""

import io
import subprocess
import tempfile
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from jobs import services as jobs
from jobs.models import Job
from jobs.services import NotAllowed
from media_pipeline import retention, services
from media_pipeline.models import Asset, Rendition
from shop.accounts.models import User
from tests.chaos.evidence import keep, moves
from tests.chaos.media import evidence
from tests.chaos.media.evidence import Evidence, Held
from tests.chaos.media.plan import Plan, Sent, Source
from tests.chaos.reports.wire import Wire
from tests.chaos.stage import Stage, wait_until_at_work
from tests.chaos.storm import Storm, are_any_active
from tests.harness.object_store import ObjectStore
from tests.harness.processes import wait_for

WORKERS: Final = 2
#: Seconds after the last hit in which everything must be over.
PATIENCE: Final = 600.0
#: Seconds in which a program must be gone once nobody works any more.
SOON: Final = 15.0
_DAY_LATER: Final = retention.LEFTOVER_AGE + timedelta(minutes=1)


def sources(folder: Path) -> dict[Source, bytes]:
    """What is uploaded: a video of three parts, one of none, a picture, and a video that is cut off."""

    def made(name: str, *options: str) -> bytes:
        path = folder / name
        subprocess.run(["ffmpeg", "-v", "error", "-y", *options, str(path)], check=True)
        return path.read_bytes()

    def video(name: str, seconds: int) -> bytes:
        pictures = f"testsrc2=size=854x480:rate=10:duration={seconds}"
        how = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv444p", "-c:a", "aac")
        sound = f"sine=duration={seconds}"
        return made(name, "-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound, *how)

    long = video("long.mp4", 13)
    return {
        Source.LONG: long,
        Source.SHORT: video("short.mp4", 3),
        Source.PICTURE: made("picture.png", "-f", "lavfi", "-i", "testsrc2=size=1600x1200", "-frames:v", "1"),
        Source.BROKEN: long[:20_000],
    }


class Play:
    """One run of ``plan`` with its processes' logs in ``folder``, on a stage and a store that are open."""

    def __init__(
        self, plan: Plan, stage: Stage, store: ObjectStore, wire: Wire, contents: Mapping[Source, bytes]
    ) -> None:
        self.plan, self.stage, self.wire, self._contents = plan, stage, wire, contents
        self._storm = Storm(stage, store, wire, plan.ends)
        self._numbers: dict[str, int] = {}
        self._stopped: set[int] = set()

    def run(self) -> Evidence:
        """Plays it to its end. Raises Trouble where something other than the product is in the way."""
        evidence.forget()
        self._storm.empty_store()
        agenda, name = self._storm.agenda, f"seed{self.plan.seed}"
        dispatcher = self.stage.dispatcher(f"{name}-dispatcher")
        self._storm.crew.workers = [
            self.stage.worker(f"{name}-worker{n}", queues=("media",), concurrency=1) for n in range(WORKERS)
        ]
        wait_until_at_work(dispatcher, *self._storm.crew.workers)
        self._storm.begin(self.plan.hits)
        for sent in self.plan.sent:
            agenda.at(sent.at, lambda sent=sent: self._send(sent))  # type: ignore[misc]
        while agenda.now < self.plan.ends + PATIENCE and (agenda or are_any_active()):
            agenda.do_what_is_due()
            time.sleep(0.05)
        seconds = agenda.now
        self._storm.end()
        for worker in self._storm.crew.workers:
            worker.stop(SOON)  # a thawed one may still be storing what is too late
        found = self._collect(seconds)
        self.stage.dismiss()
        return found

    def _collect(self, seconds: float) -> Evidence:
        wait_for(lambda: not self._programs(), seconds=SOON)
        programs = self._programs()
        held = [self._held(rendition) for rendition in Rendition.objects.order_by("asset", "name")]
        services.sweep_uploads(timezone.now())
        retention.sweep(timezone.now() + _DAY_LATER)
        for table in ("move", "video_part"):
            keep(f"chaos_{table}", self.stage.folder / f"seed{self.plan.seed}-{table}s.csv")
        rows = list(Job.objects.all())
        return Evidence(
            plan=self.plan,
            uploaded=evidence.uploaded(self._numbers),
            states={str(job.pk): job.state for job in rows},
            moves=moves(),
            parts=evidence.parts(),
            held=held,
            stopped=frozenset(self._stopped),
            named=evidence.named(),
            left=self._storm.left(),
            stored=tuple(self.wire.stored),
            programs=programs,
            hits=self._storm.hits,
            attempts=sum(job.attempt for job in rows),
            deaths=sum(job.deaths for job in rows),
            seconds=seconds,
        )

    def _programs(self) -> list[str]:
        """What still runs in a folder of the workers'."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                place = str((process / "cwd").readlink()) if process.name.isdigit() else ""
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if place.startswith(str(self.stage.folder / "media")):
                found.append(command[:200])
        return found

    def _held(self, rendition: Rendition) -> Held:
        """Read by a program that is not the product's."""
        contents = {key: self._content(key) for key in rendition.keys}
        pictures = None
        if rendition.kind == "stream" and rendition.height:
            (stream,) = [content for key, content in contents.items() if key.endswith(".m4s")]
            pictures = _pictures(stream)
        return Held(
            asset=str(rendition.asset_id),
            name=rendition.name,
            size=sum(len(content) for content in contents.values()),
            recorded=rendition.size,
            pictures=pictures,
        )

    @staticmethod
    def _content(key: str) -> bytes:
        try:
            with default_storage.open(key, "rb") as file:
                content: bytes = file.read()
        except FileNotFoundError:
            return b""
        return content

    # --- people ------------------------------------------------------------------------------------------------------

    def _send(self, sent: Sent) -> None:
        now, content = timezone.now(), self._contents[sent.source]
        try:
            owner = User.objects.get(username="owner")
            upload = services.create_upload(owner=owner, name=f"{sent.number}", length=len(content), now=now)
            read = io.BytesIO(content).read
            done = services.receive(upload=upload, offset=0, length=len(content), read=read, now=now)
        except (OperationalError, InterfaceError):
            connection.close()
            return self._storm.again(lambda: self._send(sent))
        assert done.asset is not None
        self._numbers[str(done.asset.pk)] = sent.number
        if sent.cancel_after is not None:
            asset = done.asset
            self._storm.agenda.after(sent.cancel_after, lambda: self._stop(asset, sent))
        return None

    def _stop(self, asset: Asset, sent: Sent) -> None:
        """Until nothing works on it any more: where it was just handed over, it is the other job's turn."""
        try:
            job = Asset.objects.select_related("job").get(pk=asset.pk).job
            assert job is not None
            if not job.is_active:
                return
            jobs.cancel(job)
            self._stopped.add(sent.number)
        except (OperationalError, InterfaceError):
            connection.close()
        except NotAllowed:
            pass  # it was quicker
        self._storm.again(lambda: self._stop(asset, sent), 1.0)


def _pictures(stream: bytes) -> int:
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(stream)
        file.flush()
        asked = ("-select_streams", "v", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0")
        said = subprocess.run(["ffprobe", "-v", "error", *asked, file.name], capture_output=True, check=False)
    counted = said.stdout.decode().strip()
    return int(counted) if counted.isdigit() else 0
