"""What every contestant's job does: the same few lines, so that only what is around them differs."""

import time
from collections.abc import Callable

from benchmarks.kernel import journal


def work(key: str, seconds: float, *, still_ours: Callable[[], None] | None = None) -> None:
    """Notes that it began, works for ``seconds``, and does its effect: the line "ended".

    ``still_ours``: the contestant's own way to ask, before the effect, whether the job is still this worker's to do.
    """
    journal.write("began", key)
    if seconds:
        time.sleep(seconds)
        if still_ours is not None:
            still_ours()
        journal.write("ended", key)
