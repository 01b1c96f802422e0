"""No code from outside is run: what the source may not say, and where it may."""

import re
from pathlib import Path

import pytest

import drama

SOURCE = Path(drama.__file__).parent
RULES = {
    "torch.load(": r"torch\.load\(",
    "a pickle in a matrix": r"allow_pickle\s*=\s*True",
    "code of a model": r"trust_remote_code\s*=\s*True",
    "joblib, dill, shelve, marshal": r"\b(import|from) (joblib|dill|shelve|marshal)\b",
    "pickle": r"\bpickle\.",
    "eval, exec": r"(?<![.\w])(eval|exec)\(",
}
MAY = {
    ("pickle", "workers/on_ray.py"),  # between the processes of one cluster, as Ray itself does
    ("code of a model", "retriever/folder.py"),  # the model card tells others how to load our own module
}


@pytest.mark.parametrize("rule", RULES)
def test_the_source_runs_nothing_from_files(rule: str) -> None:
    found = {
        (rule, path.relative_to(SOURCE).as_posix())
        for path in SOURCE.rglob("*.py")
        if re.search(RULES[rule], path.read_text(encoding="utf-8"))
    }
    assert found <= MAY


def test_transformers_is_asked_to_open_models_in_one_place_only() -> None:
    opens = re.compile(r"\bAuto(Model\w*|Tokenizer|Config)\.from_pretrained\(|\bSentenceTransformer\(str")
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if opens.search(path.read_text(encoding="utf-8"))
    }
    own_files = {"prune/vocabulary/rebuild.py"}  # what it has just written
    assert found == {"models/open.py", "models/gguf.py"} | own_files
