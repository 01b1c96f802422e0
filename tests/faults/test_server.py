"""Answers that an LLM server gave are kept through a `kill -9`; the last second may be asked for again."""

import signal

import pytest
from harness.stages import Stage, sets
from harness.trial import SURVIVED, Trials

PAUSE = 0.4
KEPT_AFTER = 1.0
"""Seconds after which an answer is on disk."""


@pytest.mark.slow
@pytest.mark.timeout(900)  # it may start the servers
def test_answers_are_kept_through_a_kill(trials: Trials) -> None:
    world = trials.world
    words = sets("server.timeout=20", "synthesize.documents=16", "server.concurrency=1")
    stage = Stage("answers", lambda out: world.augment(out, world.address) + words, server=True)
    trials.undisturbed(stage)
    out = trials.clean(stage)
    trials.chat.restart([], pause=PAUSE)
    running = trials.first.start(stage.words(out), out)
    while trials.chat.asked.total() < 10 and running.wait(0.05) is None:
        pass
    running.signal(signal.SIGKILL)
    assert running.end().code == -signal.SIGKILL
    assert trials.judge(stage, kills=1).kind == SURVIVED
    again = trials.chat.asked.total() - len(trials.chat.asked)
    assert len(trials.chat.asked) == 16
    assert again <= KEPT_AFTER / PAUSE + 2, f"{again} of 10 answers were asked for again"
