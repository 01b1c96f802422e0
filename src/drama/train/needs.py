"""What the train stage needs."""

from drama.train.settings import TrainSettings
from drama.workspace import Needs


def needs(settings: TrainSettings) -> Needs:
    """Optional libraries, the collection to validate on, and the judgments that must not be trained on."""
    validation, leaks = settings.validation, settings.leaks
    return Needs(
        extras=[
            *([("peft", "lora")] if settings.lora is not None else []),
            *([("tensorboardX", "tensorboard")] if settings.tensorboard else []),
        ],
        collections=[(validation.collection, validation.split)]
        if validation and validation.collection
        else [],
        judgments=[(place, leaks.split) for place in leaks.collections] if leaks else [],
    )
