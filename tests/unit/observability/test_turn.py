"""How long a request waited for its engine."""

import pickle

from engines.protocol import SynthesisRequest
from engines.turn import Turn


def test_the_first_turn_counts():
    turn = Turn()
    assert turn.queue_wait_s is None
    turn.comes(0.5)
    turn.comes(2.0)
    assert turn.queue_wait_s == 0.5


def test_work_that_waits_in_a_queue_tells_when_it_begins():
    turn = Turn()
    square = turn.measured(lambda number: number * number)
    assert turn.queue_wait_s is None
    assert [square(2), square(3)] == [4, 9]
    assert turn.queue_wait_s >= 0


def test_each_request_has_its_own_and_is_equal_without():
    one, other = SynthesisRequest("Hi."), SynthesisRequest("Hi.")
    one.turn.comes(1.0)
    assert other.turn.queue_wait_s is None
    assert one == other
    assert pickle.loads(pickle.dumps(other)).turn is not other.turn
