"""The product's Celery app with reports in parts as small as the environment says: a small shop must have many of them."""

import os
from typing import Final

from reports import writers
from tests.harness.app import app

#: Environment variable with the rows of a part.
ROWS: Final = "TEST_ROWS_A_PART"

# Before reports.formats, which only a job's body imports, takes it from there.
writers.ROWS_A_PART = int(os.environ.get(ROWS, writers.ROWS_A_PART))  # type: ignore[misc]

__all__ = ["app"]
