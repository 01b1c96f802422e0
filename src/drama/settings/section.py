"""Section: a frozen pydantic model that refuses unknown keys and names the nearest valid one."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from drama.errors import DramaError


class Section(BaseModel):
    """Base of all sections of settings: strict and immutable.

    >>> class Demo(Section):
    ...     layers: int = 4
    >>> Demo.parse({"layers": 6}, where="prune").layers
    6
    >>> Demo.parse({"layer": 6}, where="prune")
    Traceback (most recent call last):
    ...
    drama.errors.DramaError: prune.layer: unknown key
      → did you mean 'layers'?
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    moved: ClassVar[Mapping[str, str]] = {}
    """Old key of this section → full name of its replacement, or "" if it was removed; for error messages."""

    @classmethod
    def parse(cls, values: dict[str, Any] | None, where: str) -> Self:
        """Validate the keys that a user wrote; errors name them under `where` (`prune`, or a file's name).

        Raises:
            DramaError: an unknown key (with the nearest valid one) or a value of the wrong type or range.
        """
        if values is not None and not isinstance(values, dict):
            raise DramaError(f"{where}: expected a section of keys, found {type(values).__name__}")
        try:
            return cls.model_validate(values or {})
        except ValidationError as error:
            raise _readable(cls, error, where) from None


def _readable(model: type[BaseModel], error: ValidationError, where: str) -> DramaError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    name = ".".join([where, *path]) if where else ".".join(path)
    if first["type"] == "extra_forbidden":
        section = _section_at(model, path[:-1])
        if issubclass(section, Section) and path[-1] in section.moved:
            place = section.moved[path[-1]]
            if not place:
                return DramaError(f"{name}: this key was removed", hint="leave it out")
            return DramaError(f"{name}: this key has moved", hint=f"write {place}")
        keys = list(section.model_fields)
        near = difflib.get_close_matches(path[-1], keys, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(keys))}"
        return DramaError(f"{name}: unknown key", hint)
    if first["type"] == "missing":
        return DramaError(f"{name}: this key is required")
    if first["type"] == "value_error":  # raised by a validator of the section, complete as it is
        return DramaError(f"{name}: {first['ctx']['error']}")
    return DramaError(f"{name}: {first['msg'].lower()} (given: {first['input']!r})")


def _section_at(model: type[BaseModel], path: list[str]) -> type[BaseModel]:
    """The section at `path`, including those inside optional types and lists."""
    current = model
    for part in path:
        field = current.model_fields.get(part)
        if field is None:
            continue
        kinds = [field.annotation, *get_args(field.annotation)]
        current = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), current)
    return current


def _each_once(names: list[str]) -> list[str]:
    if not all(names) or not names or len({*names}) < len(names):
        raise ValueError(f"must name at least one, and each once: {names}")
    return names


_Name = TypeVar("_Name", bound=str)
EachOnce = Annotated[list[_Name], AfterValidator(_each_once)]
Names = EachOnce[str]
"""A list of at least one name, without repetition."""
