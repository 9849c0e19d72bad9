"""What is true of every table."""

import inspect
from collections.abc import Iterator

import pytest
from django.db import models

from tests.unit.architecture.source import LAYERS, our_apps

TONES = {"neutral", "progress", "good", "bad", "warning"}
#: Fields that hold what is inexact by nature.
FLOATS = {
    ("jobs", "TaskTally", "seconds"),
    ("media_pipeline", "Asset", "cpu_seconds"),
    ("media_pipeline", "VideoPart", "cpu_seconds"),
}


def our_models() -> list[type[models.Model]]:
    return [model for app in our_apps() for model in app.get_models()]


def state_enums() -> Iterator[type[models.TextChoices]]:
    for app in our_apps():
        if app.models_module is None:
            continue
        for holder in (app.models_module, *our_models()):
            for name, member in inspect.getmembers(holder, inspect.isclass):
                if issubclass(member, models.TextChoices) and name.endswith("State"):
                    yield member


def layer_of(model: type[models.Model]) -> int:
    return LAYERS.index(model._meta.app_config.name)


def test_there_is_something_to_look_at() -> None:
    assert len(our_models()) > 10
    assert len(set(state_enums())) >= 4


def test_no_amount_is_a_float() -> None:
    floats = {
        (model._meta.app_label, model.__name__, field.name)
        for model in our_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.FloatField)
    }

    assert floats == FLOATS


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_foreign_keys_point_down(model: type[models.Model]) -> None:
    """But for the person, whom Django lets every app name by AUTH_USER_MODEL."""
    for field in model._meta.get_fields():
        if not isinstance(field, models.ForeignKey) or field.swappable_setting == "AUTH_USER_MODEL":
            continue
        assert layer_of(field.related_model) <= layer_of(model), f"{model._meta.label}.{field.name} points up"


@pytest.mark.parametrize("enum", sorted(set(state_enums()), key=lambda enum: enum.__qualname__ + enum.__module__))
def test_every_state_has_a_tone_and_a_word(enum: type[models.TextChoices]) -> None:
    for member in enum:
        assert member.tone in TONES
        assert str(member.label)


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_the_database_knows_the_states(model: type[models.Model]) -> None:
    """A misspelt state fails in the database, whoever writes it."""
    for field in model._meta.get_fields():
        if not isinstance(field, models.CharField) or field.name != "state":
            continue
        checks = " ".join(str(check) for check in model._meta.constraints if isinstance(check, models.CheckConstraint))
        assert "state__in" in checks, f"{model._meta.label} has no constraint on its states"
