"""The run folder: where stages meet. Manifests, events, vector shards."""

from drama.workspace.events import EventLog, read_events
from drama.workspace.manifest import Manifest, read_manifest
from drama.workspace.outdated import outdated
from drama.workspace.outputs import identity
from drama.workspace.parts import claim_part
from drama.workspace.stage import Needs, StageRun, open_stage
from drama.workspace.vectors import VectorReader, write_vectors

__all__ = [
    "EventLog",
    "Manifest",
    "Needs",
    "StageRun",
    "VectorReader",
    "claim_part",
    "identity",
    "open_stage",
    "outdated",
    "read_events",
    "read_manifest",
    "write_vectors",
]
