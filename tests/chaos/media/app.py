"""The product's Celery app with videos in parts as short as a short video needs in order to have several."""

from media_pipeline import ladder
from tests.harness.app import app

ladder._PIXELS_A_PART = 1.0  # type: ignore[misc]
ladder._SHORTEST_PART = 4.0  # type: ignore[misc]

__all__ = ["app"]
