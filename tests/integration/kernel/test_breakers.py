"""Breakers: a sick neighbour is left alone, tried by one, and operators have the last word."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from jobs import breakers
from jobs.breakers import BreakerOpen, breaker
from jobs.models import Breaker
from jobs.task import Permanent

pytestmark = pytest.mark.django_db(transaction=True)


def fail(times=1, name="bank"):
    for _ in range(times):
        with pytest.raises(ConnectionError), breaker(name):
            raise ConnectionError("refused")


def succeed(times=1, name="bank"):
    for _ in range(times):
        with breaker(name):
            pass


def state(name="bank"):
    return Breaker.objects.get(name=name).state


def rested(name="bank"):
    Breaker.objects.filter(name=name).update(retry_at=timezone.now() - timedelta(seconds=1))


def test_a_few_failures_mean_nothing():
    fail(breakers.LEAST_CALLS - 1)
    assert state() == Breaker.State.CLOSED


def test_half_of_enough_calls_open_it():
    succeed(3)
    fail(3)
    assert state() == Breaker.State.OPEN
    with pytest.raises(BreakerOpen) as refused, breaker("bank"):
        pytest.fail("called")
    assert 1 <= refused.value.retry_in <= breakers.OPEN_FOR[0] * 1.25


def test_one_neighbour_is_not_the_other():
    fail(5)
    succeed(name="shopee")


def test_failures_of_long_ago_are_forgotten():
    fail(4)
    Breaker.objects.update(window_started_at=timezone.now() - timedelta(seconds=breakers.WINDOW + 1))
    fail(1)
    assert state() == Breaker.State.CLOSED
    assert Breaker.objects.get().calls == 1


def test_one_call_tries_and_success_closes():
    fail(5)
    rested()
    with breaker("bank"):
        with pytest.raises(BreakerOpen), breaker("bank"):
            pytest.fail("a second trial beside the first")
    assert state() == Breaker.State.CLOSED
    succeed()


def test_a_failed_trial_opens_it_for_longer():
    fail(5)
    first = Breaker.objects.get().retry_at - timezone.now()
    rested()
    fail(1)
    second = Breaker.objects.get().retry_at - timezone.now()
    assert state() == Breaker.State.OPEN
    assert second > first * 1.8


def test_a_trial_that_was_killed_does_not_block_for_ever():
    fail(5)
    rested()
    breaker("bank").__enter__()  # killed: never left
    Breaker.objects.update(trial_until=timezone.now() - timedelta(seconds=1))
    succeed()
    assert state() == Breaker.State.CLOSED


def test_an_answer_we_do_not_like_is_still_an_answer():
    for _ in range(10):
        with pytest.raises(Permanent), breaker("bank"):
            raise Permanent("no such account")
    assert state() == Breaker.State.CLOSED


def test_operators_have_the_last_word():
    operator = get_user_model().objects.create_user("op")
    breakers.force_open("bank", "maintenance", operator)
    rested()
    with pytest.raises(BreakerOpen), breaker("bank"):
        pytest.fail("called")
    breakers.force_closed("bank", "it is fine", operator)
    fail(20)
    assert state() == Breaker.State.CLOSED
    assert Breaker.objects.get().reason == "op: it is fine"
    breakers.release("bank", operator)
    fail(5)
    assert state() == Breaker.State.OPEN
