"""Work in this process, and what is said where Ray is not installed."""

import sys

import pytest

from drama.errors import MissingExtraError
from drama.workers import RaySettings, work_through


def test_results_come_in_order_and_the_function_is_made_once() -> None:
    made = []

    def make():
        made.append(1)
        return lambda x: x * x

    assert list(work_through(make, [3, 1, 2])) == [9, 1, 4]
    assert list(work_through(make, [])) == []
    assert made == [1]


def test_ray_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "drama.workers.on_ray", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError) as caught:
        list(work_through(lambda: str.upper, ["a"], RaySettings()))
    assert caught.value.hint == "pip install 'drama-retrieval[ray]'"
