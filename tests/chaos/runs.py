"""What the commands that play several seeds have in common: which seeds, and a line of a table for each."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from tests.chaos.reports.plan import LONGEST, Blow
from tests.chaos.servers import BROKERS

#: Sentences shown for each broken rule.
SHOWN: Final = 5


def parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """With the options that all have."""
    made = argparse.ArgumentParser(prog=program, description=description)
    made.add_argument("--seeds", type=_seeds, default=[1], help="one, or the first and the last: 1..20 (default 1)")
    made.add_argument(
        "--longest", type=float, default=LONGEST, help="seconds that any fault lasts at most (default %(default)s)"
    )
    made.add_argument("--broker", choices=BROKERS, default="redis", help="default: %(default)s")
    return made


def _seeds(words: str) -> list[int]:
    first, _, last = words.partition("..")
    return list(range(int(first), int(last or first) + 1))


def shown(
    seed: int,
    hits: Counter[str],
    figures: Mapping[str, str],
    broken: Mapping[str, Sequence[str]],
    *,
    heading: bool,
) -> str:
    """A line of a Markdown table, and under it what is broken."""
    kills = ", ".join(f"{hits[blow]} {blow}" for blow in Blow if hits[blow])
    row = {"seed": str(seed), "kills and faults": kills, **figures, "verdict": "BROKEN" if broken else "holds"}
    lines = [f"\n| {' | '.join(row)} |", f"|{'---|' * len(row)}"] if heading else []
    lines.append(f"| {' | '.join(row.values())} |")
    for rule, sentences in broken.items():
        lines.append("\n  ".join([f"\nBROKEN: {rule} ({len(sentences)})", *sentences[:SHOWN]]))
    return "\n".join(lines)
