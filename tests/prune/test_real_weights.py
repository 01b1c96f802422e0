"""Real weights, where they are in the cache: masked == sliced with a third of the parent's weights."""

import pytest
import torch

from drama.models.cache import cache_folder
from drama.prune.families import family_of
from drama.prune.load import load_causal_lm
from drama.prune.scores import measure
from drama.prune.shape.schedule import body_parameters, shape_between
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.masked_forward import masked
from drama.prune.surgery.masks import masks_of
from drama.prune.surgery.plan import make_plan
from drama.prune.surgery.slice import slice_model


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smollm2-135m", "gemma3-270m"])
def test_masked_equals_sliced(name: str) -> None:
    folder = cache_folder(name)
    if not folder.is_dir():
        pytest.skip(f"{name} is not here; `drama pull {name}` gets it")
    family = family_of(load_causal_lm(folder))
    parent, count = parent_shape(family.config), body_parameters(family.config)
    target = shape_between(parent, Shape(2, 1, 1, 1, 1), count(parent) / 3, count)
    rows_BL = torch.randint(3, family.config.vocab_size, (2, 24), generator=torch.Generator().manual_seed(0))
    plan = make_plan(measure(family, [(rows_BL, torch.ones_like(rows_BL))]), parent, target)
    child = slice_model(family, plan, target)
    with torch.inference_mode():
        with masked(family, masks_of(plan, parent)) as model:
            expected = model(input_ids=rows_BL).logits
        got = child(input_ids=rows_BL).logits
    assert expected.abs().max() > 1
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
