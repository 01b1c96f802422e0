"""The run folder: where stages meet. Atomic writes, manifests, fingerprints, vector shards."""

from drama.workspace.atomic import atomic_folder, write_json, write_text
from drama.workspace.events import EventLog, read_events
from drama.workspace.fingerprint import fingerprint, fingerprint_path
from drama.workspace.manifest import Manifest, read_manifest
from drama.workspace.stage import StageRun, open_stage
from drama.workspace.vectors import VectorReader, VectorWriter

__all__ = [
    "EventLog",
    "Manifest",
    "StageRun",
    "VectorReader",
    "VectorWriter",
    "atomic_folder",
    "fingerprint",
    "fingerprint_path",
    "open_stage",
    "read_events",
    "read_manifest",
    "write_json",
    "write_text",
]
