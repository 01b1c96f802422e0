"""What the train stage needs."""

from drama.train.settings import TrainSettings
from drama.workspace import Needs


def needs(settings: TrainSettings) -> Needs:
    """Optional libraries, the collection to validate on, and the judgments that must not be trained on."""
    validation, leaks = settings.validation, settings.leaks
    wanted = {("peft", "lora"): settings.lora, ("tensorboardX", "tensorboard"): settings.tensorboard}
    collection = validation.collection if validation else None
    return Needs(
        extras=[extra for extra, setting in wanted.items() if setting],
        collections=[(collection, validation.split)] if validation and collection else [],
        judgments=[(place, leaks.split) for place in leaks.collections] if leaks else [],
    )
