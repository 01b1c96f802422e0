from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.train.token_file import TokenFile

TOKENS = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=9)


@given(st.lists(st.dictionaries(st.text(max_size=3), TOKENS, min_size=1), max_size=4))
def test_what_was_added_is_found_the_last_under_each_id(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[dict[str, list[int]]]
) -> None:
    found, expected = TokenFile(tmp_path_factory.getbasetemp()), {}
    for block in blocks:
        found.add(list(block), list(block.values()))
        expected |= block
        assert dict(found) == expected


def test_the_file_is_not_seen_and_an_unknown_id_is_an_error(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path)
    tokens.add(["a"], [[1, 2]])
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyError):
        tokens["b"]
