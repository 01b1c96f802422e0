from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.errors import FileError
from drama.records import read_examples
from drama.retriever import Retriever
from drama.train.tokens import TokenFile, document_tokens, write_tokens

TOKENS = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=9)


@given(st.lists(st.dictionaries(st.text(max_size=3), TOKENS, min_size=1), min_size=1, max_size=4))
def test_what_was_written_is_found_the_last_under_each_id(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[dict[str, list[int]]]
) -> None:
    file, expected = tmp_path_factory.getbasetemp() / "tokens", {}
    write_tokens(file, [(list(block), list(block.values())) for block in blocks])
    for block in blocks:
        expected |= block
    assert dict(TokenFile(file)) == expected
    with pytest.raises(KeyError):
        TokenFile(file)["none"]


def test_whole_tokens_are_reused_and_damaged_ones_rebuilt(inputs: Any, tmp_path: Path) -> None:
    retriever, examples = Retriever.from_llm(inputs.backbone), list(read_examples(inputs.examples))
    file, nowhere = tmp_path / "tokens", tmp_path / "nowhere.parquet"
    with pytest.raises(FileError):
        document_tokens(retriever, [nowhere], examples, 64, file)
    more = [*examples, examples[0]._replace(positive_ids=["absent"])]
    with pytest.raises(FileError, match="passages that the examples name are missing"):
        document_tokens(retriever, [inputs.passages], more, 64, file)
    assert not list(tmp_path.iterdir())
    written = dict(document_tokens(retriever, [inputs.passages], examples, 64, file))
    assert dict(document_tokens(retriever, [nowhere], examples, 64, file)) == written
    for content in (b"", file.read_bytes()[:-4]):
        file.write_bytes(content)
        with pytest.raises(FileError):
            document_tokens(retriever, [nowhere], examples, 64, file)
        assert dict(document_tokens(retriever, [inputs.passages], examples, 64, file)) == written
