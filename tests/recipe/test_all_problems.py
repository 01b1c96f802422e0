"""A recipe's mistakes are reported all at once, and the cheap ones before a model is downloaded."""

from pathlib import Path

import pytest

from drama.errors import DramaError
from drama.recipe import load_recipe, run_recipe


def refusal(text: str, tmp_path: Path) -> str:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(DramaError) as error:
        run_recipe(path, [])
    assert not (tmp_path / "run").exists()
    return str(error.value)


def test_every_wrong_key_is_named(tmp_path: Path) -> None:
    message = refusal("preset: tinny\nprune: {layer: 2}\ntrain: {steps: many, batch: {size: 0}}\n", tmp_path)
    assert message.startswith("5 problems\n")
    for line in (
        "preset: no preset 'tinny'",
        "did you mean 'tiny'?",
        "prune.layer: ",
        "train.steps: expected a whole number",
        "train.batch.size: must be at least",
        "run: this key is required",
    ):
        assert line in message


def test_every_file_and_library_is_named_before_a_model_is_looked_for(tmp_path: Path) -> None:
    message = refusal(
        f"""
run: {tmp_path}/run
corpus: {{inputs: [nowhere.jsonl, other.jsonl]}}
prune: {{parent: ./no-such-model, shape: {{layers: 2}}}}
augment: {{supervised: {{collections: [nothing]}}}}
train: {{loss: {{distill: {{kl_weight: 1.0}}}}}}
evaluate: {{models: [bm25], collections: [missing, known-items]}}
""",
        tmp_path,
    )
    for line in (
        "train.loss.distill needs the labelling model's vectors",
        "augment.supervised.collections: 'nothing' is not among corpus.inputs",
        "'known-items' comes with the input 'python-docs' only",
        "nothing/qrels/train.tsv: no such split",
        "missing: no such collection folder",
    ):
        assert line in message
    assert "no-such-model" not in message


def test_every_model_is_named(tmp_path: Path) -> None:
    message = refusal(
        f"""
run: {tmp_path}/run
prune: {{parent: ./no-such-model, shape: {{layers: 2}}}}
augment: {{label: {{retrievers: [./no-such-retriever]}}}}
""",
        tmp_path,
    )
    assert "2 problems" in message
    assert "./no-such-model: no such model folder" in message.replace("no-such-model:", "./no-such-model:")
    assert "no-such-retriever" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run: r\ntrain: {steps: yes}\n", r"train\.steps: true does not fit here"),
        ("run: r\ntrain: {optimiser: {learning_rate: .inf}}\n", r"learning_rate: expected a finite number"),
        ("run: r\ntrain: {optimiser: {learning_rate: .nan}}\n", r"learning_rate: expected a finite number"),
        ("run: on\n", r"run: true does not fit here"),
        ("run: r\nseed: -1\n", r"seed: must be at least 0"),
        ("run: r\nseed: 1.5\n", r"seed: expected a whole number \(given: 1\.5\)"),
        ("run: 3\n", r"run: expected text"),
        ("run: r\ncorpus: [a]\n", r"corpus: expected a section of keys \(given: \['a'\]\)"),
        ("run: r\ncorpus: {inputs: a}\n", r"corpus\.inputs: expected a list"),
        ("run: r\ncorpus: {near_duplicates: 1}\n", r"near_duplicates: must be below 1"),
        ("run: r\naugment: {crop: {titles: 3}}\n", r"crop\.titles: expected true or false"),
        ("run: r\n1: 2\n", r"1: keys should be strings"),
        ("run: r\n? [a]\n: 1\n", r"not valid YAML"),
        ("run: " + "[" * 3000, r"not valid YAML \(nested too deeply\)"),
    ],
)
def test_values_that_only_look_right(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(DramaError, match=message):
        load_recipe(path, [])
