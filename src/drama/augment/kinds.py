"""Kinds: how a row's query and labels were made.

A new kind is a file in `queries/` with a section derived from `Maker`, and a line in `Makers`. The settings,
the stage, `drama augment --kinds`, reranking and the mixture find it here.
"""

from drama.augment.queries.crop import CropSettings
from drama.augment.queries.maker import Maker
from drama.augment.queries.supervised import SupervisedSettings
from drama.augment.queries.synthesize import SynthesizeSettings
from drama.augment.queries.triplets import TripletSettings
from drama.settings import Section

RERANK = "rerank"
"""The kind of the rows that reranking adds: another label for queries of other kinds."""


class Makers(Section):
    """The registry: one section for each maker of queries, in the order in which they make them."""

    supervised: SupervisedSettings = SupervisedSettings()
    crop: CropSettings = CropSettings()
    synthesize: SynthesizeSettings = SynthesizeSettings()
    triplets: TripletSettings = TripletSettings()


MAKERS: dict[str, type[Maker]] = {
    name: type(field.default)
    for name, field in Makers.model_fields.items()
    if isinstance(field.default, Maker)
}
"""Name of the section → maker."""

KINDS = (*(kind for maker in MAKERS.values() for kind in maker.kinds), RERANK)
"""All kinds of rows."""

RERANKABLE = tuple(kind for maker in MAKERS.values() if maker.from_documents for kind in maker.kinds)
"""Kinds of queries that `rerank.kinds` may name."""

BY_NAME = (*(kind for maker in MAKERS.values() if maker.by_name for kind in maker.kinds), RERANK)
"""Kinds that `drama augment --kinds` may name."""
