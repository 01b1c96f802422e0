"""A causal LM whose layers were split over the processes, whole again."""

import copy
from typing import Any

from drama.processes import is_split, whole


def put_together(model: Any) -> Any:
    """A plain model with these weights; itself, if nothing is split. All processes must call this."""
    if not any(is_split(p) for p in model.parameters()):
        return model
    plain = type(model)(model.config)
    plain.load_state_dict(whole(model.state_dict()))
    plain.generation_config = copy.deepcopy(model.generation_config)
    return plain.to(model.device)
