"""What a library warns of reaches the user once, as our own warning; its advice does not."""

import logging
import os
from collections.abc import Iterator

import pytest

from drama.models.library_warnings import Notes, listen


@pytest.fixture
def listening() -> Iterator[None]:
    names = ("transformers", "sentence_transformers")
    before = {
        name: (list(logging.getLogger(name).handlers), logging.getLogger(name).propagate) for name in names
    }
    listen()
    yield
    for name, (handlers, propagates) in before.items():
        logging.getLogger(name).handlers[:] = handlers
        logging.getLogger(name).propagate = propagates


@pytest.mark.usefixtures("listening")
def test_a_warning_is_said_once_and_advice_never(capsys: pytest.CaptureFixture[str]) -> None:
    listen()  # a second time changes nothing
    logger = logging.getLogger("transformers.some.module")
    for _ in range(2):
        logger.warning("You are using a model of type a to instantiate a model of type b.")
    logger.warning("`torch_dtype` is deprecated! Use `dtype` instead!")
    logger.info("not heard")
    logging.getLogger("sentence_transformers.models").warning("weights are of another version")
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("warning: transformers: You are using a model of type a to instantiate") == 1
    assert said.count("warning: sentence_transformers: weights are of another version") == 1
    assert "deprecated" not in said
    assert "not heard" not in said


def test_the_command_line_hides_no_warning_of_transformers(
    run_drama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRANSFORMERS_VERBOSITY", raising=False)
    run_drama("--version")
    import drama.models.open  # noqa: F401  (removes transformers' own handler)

    assert "TRANSFORMERS_VERBOSITY" not in os.environ
    logger = logging.getLogger("transformers")
    assert logger.isEnabledFor(logging.WARNING)
    assert any(isinstance(handler, Notes) for handler in logger.handlers)
