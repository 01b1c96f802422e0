"""A prompt for triplets: the request has places, and `choices` lists what may fill them."""

import math
import random

from drama.augment.prompts.read import chat, check_places, fill, read_prompt
from drama.errors import DramaError
from drama.llm import Messages
from drama.settings import Section

LANGUAGE = "language"
"""The place that the settings fill."""


class TripletShot(Section):
    """One example: the values of the places, and the answer."""

    values: dict[str, str]
    answer: str


class TripletPrompt(Section):
    """A chat prompt that is filled differently each time.

    >>> prompt = TripletPrompt(system="Write.", user="{topic} {language}", choices={"topic": ["tea", "rain"]})
    >>> sorted(values["topic"] for values in prompt.draw(2, seed=0))
    ['rain', 'tea']
    >>> prompt.messages({"topic": "tea", "language": "Finnish"})[-1]["content"]
    'tea Finnish'
    """

    system: str
    user: str
    """Has a place for each of `choices`, as `{name}`, and one for `{language}`."""
    choices: dict[str, list[str]]
    shots: list[TripletShot] = []

    def messages(self, values: dict[str, str]) -> Messages:
        """The chat that asks for one triplet."""
        shots = [(fill(self.user, **shot.values), shot.answer) for shot in self.shots]
        return chat(self.system, shots, fill(self.user, **values))

    def draw(self, count: int, seed: int) -> list[dict[str, str]]:
        """`count` different ways to fill the choices, by a seeded draw.

        Raises:
            DramaError: there are fewer.
        """
        ways = math.prod(map(len, self.choices.values()))
        if count > ways:
            raise DramaError(
                f"augment.triplets.count: {count} a language, but the prompt's choices differ in {ways} ways",
                hint="lower it, or write a prompt of your own with more choices",
            )
        drawn = []
        for way in random.Random(f"{seed}\0triplets").sample(range(ways), count):
            values = {}
            for name, each in self.choices.items():
                way, at = divmod(way, len(each))
                values[name] = each[at]
            drawn.append(values)
        return drawn


def load_triplet_prompt(name: str) -> TripletPrompt:
    """The built-in `triplet`, or a user's YAML file by path.

    Raises:
        DramaError: no such prompt, broken YAML, an unknown key, a place without choices, choices without a
            place, or a shot that leaves a place open.
    """
    path, values = read_prompt(name, "triplets")
    prompt = TripletPrompt.parse(values, where=str(path))
    places = [*prompt.choices, LANGUAGE]
    check_places(path, "user", prompt.user, places)
    for choice, each in prompt.choices.items():
        if not each or len({*each}) < len(each):
            raise DramaError(f"{path}: choices.{choice} must name each choice once, and one at least")
    for number, shot in enumerate(prompt.shots, start=1):
        if {*shot.values} != {*places}:
            raise DramaError(f"{path}: shot {number} must have values for {', '.join(places)}")
    return prompt
