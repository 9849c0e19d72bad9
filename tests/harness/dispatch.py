"""A dispatcher that knows the tests' own jobs: ``python -m tests.harness.dispatch``."""

import django

django.setup()

from jobs.dispatcher import Dispatcher  # noqa: E402
from tests.harness.app import app  # noqa: E402

if __name__ == "__main__":
    app.loader.import_default_modules()
    Dispatcher(app).run()
