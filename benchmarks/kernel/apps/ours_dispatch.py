"""The product's dispatcher with the benchmark's job declared."""

from benchmarks.kernel.apps.ours import app
from jobs.dispatcher import Dispatcher

if __name__ == "__main__":
    app.loader.import_default_modules()
    Dispatcher(app).run()
