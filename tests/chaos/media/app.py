"""The product's Celery app with videos in parts as short as a short video needs in order to have several."""

from media_pipeline import cutting
from tests.harness.app import app

cutting._PIXELS_A_PART = 1.0  # type: ignore[misc]
cutting._SHORTEST = 4.0  # type: ignore[misc]

__all__ = ["app"]
