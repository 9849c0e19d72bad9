"""``./run chaos --seed N``: runs real jobs on real servers, kills at random what runs them, and counts.
``./run chaos reports`` is about reports and their files: see ``tests.chaos.reports``.

Exit status 1: something was lost, stuck, concluded twice or done twice; the sentences say which job.
"""

import argparse
import os
import runpy
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence

import django

# Whatever else the environment names: the servers are our own, and so is the rest.
os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "SECRET_KEY": "of this run alone", "HTTPS_ONLY": "no"}
django.setup()

from deploy.local.machine import VAR  # noqa: E402
from deploy.local.within import one_line_errors  # noqa: E402
from tests.chaos import check, plan  # noqa: E402
from tests.chaos.play import Play  # noqa: E402
from tests.chaos.stage import Stage  # noqa: E402

#: Sentences shown for each broken rule.
SHOWN = 5


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    what = plan.make(options.seed, options.jobs)
    _show_plan(what)
    folder = VAR / "chaos" / f"{options.broker}-{options.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    stage = Stage(folder, options.broker)
    with stage.open():
        started = time.monotonic()
        play = Play(what, stage)
        evidence = play.run()
        seconds = time.monotonic() - started
    hits = Counter(hit.blow for hit in play.hits)
    print(f"\n| seed {what.seed}, {options.broker} | |\n|---|---|")
    rows = {
        "seconds": f"{seconds:.0f}",
        "hits": ", ".join(f"{count} {blow}" for blow, count in hits.most_common()),
        **check.figures(evidence),
    }
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    broken = check.broken(evidence)
    for rule, sentences in broken.items():
        print(f"\nBROKEN: {rule} ({len(sentences)})", *sentences[:SHOWN], sep="\n  ")
    print(f"\n{'BROKEN' if broken else 'All rules hold'}. Logs, journal and moves: {folder}")
    return bool(broken)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    rabbitmq = os.environ.get("CELERY_BROKER_URL", "").startswith("amqp")
    parser = argparse.ArgumentParser(prog="./run chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the plan is drawn from it (default 1)")
    parser.add_argument("--jobs", type=int, default=2000, help="default 2000")
    parser.add_argument(
        "--broker",
        choices=("redis", "rabbitmq"),
        default="rabbitmq" if rabbitmq else "redis",
        help="default: the kind that CELERY_BROKER_URL names",
    )
    return parser.parse_args(arguments)


def _show_plan(what: plan.Plan) -> None:
    every = what.every_order()
    kinds = {
        "with run_at": sum(order.ahead > 0 for order in every),
        "to be cancelled": sum(order.cancel_after is not None for order in every),
        "with parts": sum(bool(order.parts) for order in every),
        "failing at first": sum(order.fails > 0 for order in every),
        "submitted twice": sum(order.twice for order in every),
        "of 5 s": sum(order.seconds >= 5 for order in every),
    }
    print(f"Plan of seed {what.seed}: {len(every)} jobs in {every[-1].at:.0f} s;", end=" ")
    print(", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    for hit in what.hits:
        lasts = f" for {hit.lasts:.1f} s" if hit.lasts else ""
        print(f"  {hit.at:6.1f} s  {hit.blow}{lasts}")


if __name__ == "__main__":
    if sys.argv[1:2] in (["reports"], ["media"]):
        runpy.run_module(f"tests.chaos.{sys.argv.pop(1)}", run_name="__main__", alter_sys=True)
    with one_line_errors():
        sys.exit(main(sys.argv[1:]))
