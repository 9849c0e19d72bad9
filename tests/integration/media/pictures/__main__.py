"""``python -m tests.integration.media.pictures [FILE …]``: what becomes of each picture in the corpus, as a table.

Exit status 1: something else became of one than must. With ``--keep FOLDER`` what was made of them stays there.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import CORPUS
from tests.integration.media.pictures.files import EXPECTED, Outcome, outcome


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.integration.media.pictures", description=__doc__)
    parser.add_argument("files", nargs="*", default=list(EXPECTED), metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.files:
            folder = (options.keep or Path(temporary)) / name
            folder.mkdir(parents=True, exist_ok=True)
            found = outcome(CORPUS / "media" / name, folder)
            as_expected = found.word == EXPECTED[name]
            wrong += not as_expected
            print(_line(name, found), "" if as_expected else f"  ← expected: {EXPECTED[name]}", flush=True)
    print(f"{len(options.files)} pictures, {wrong} not as expected")
    return 1 if wrong else 0


def _line(name: str, found: Outcome) -> str:
    line = f"{name:57} {found.word:20} {found.seconds:5.1f} s"
    if found.made is None or found.facts is None:
        return line
    facts, made = found.facts, found.made
    sizes = sum(one.path.stat().st_size for one in made.made)
    return (
        f"{line} {made.cpu:5.2f} s CPU {made.peak / 1e6:4.0f} MB  {facts.format:4} {facts.width}×{facts.height}"
        f"{f'×{facts.frames}' if facts.moves else ''} → {len(made.made)} files, {sizes / 1e3:.0f} kB"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
