"""run.h5, the index of a run: where it came from, its stages with links to their windows, its decisions."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from pinnrun.storage import atomic, hdf
from pinnrun.storage.window import FOLDER, list_windows

NAME = "run.h5"
SCHEMA = "pinnrun-run"
SCHEMA_VERSION = 1

_REMEDY = (
    "Delete it: losses and weights are in windows/ and can be read without it;\n"
    "where the run came from and its decisions are lost."
)


@dataclass(frozen=True)
class Index:
    """What run.h5 holds besides its links.

    Attributes:
        run_id: identity of the run.
        provenance: what `collect_provenance` returned.
        stages: one record a stage: width, depth, parameters, first_step, steps, seconds, decision, evidence,
            growth.
        decisions: one record a window: step, stage, window, action, evidence, forecast.
    """

    run_id: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    stages: Sequence[Mapping[str, Any]] = ()
    decisions: Sequence[Mapping[str, Any]] = ()


def write_index(
    folder: str | os.PathLike[str],
    *,
    run_id: str,
    provenance: Mapping[str, Any],
    stages: Sequence[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any] | str],
) -> Path:
    """Replace run.h5 atomically; links all windows that lie in the folder now. Records hold JSON-able values.

    The price grows with the number of decisions, two thirds of it for turning them into JSON. A long run
    calls this every few windows, and may pass decisions as the text that `encode_decision` made of them.

    Raises:
        OSError: the disk is full or the folder is not writable; the old index is left as it was.
        TypeError: a record holds something that JSON has no word for.
    """
    path = Path(folder) / NAME
    with hdf.replacing(path, SCHEMA, SCHEMA_VERSION) as file:
        hdf.write_record(file, {"run_id": run_id})
        group = file.create_group("provenance")
        for name, part in provenance.items():
            if isinstance(part, Mapping) and part:
                hdf.write_record(group.create_group(name), part)
            else:
                hdf.write_record(group, {name: part})
        stage_groups = file.create_group("stages")
        for number, record in enumerate(stages):
            hdf.write_record(stage_groups.create_group(f"{number:02d}"), record)
        for entry in list_windows(folder):
            # The link is relative to run.h5, so a moved or copied folder keeps it.
            target = h5py.ExternalLink(f"{FOLDER}/{entry.path.name}", "/")
            stage_groups[f"{entry.stage:02d}/windows/w{entry.number:04d}"] = target
        hdf.write_texts(file, "decisions", [_text(record) for record in decisions])
    return path


def encode_decision(record: Mapping[str, Any]) -> str:
    """One line of JSON for a decision record; NaN and infinities stay what they are.

    Raises:
        TypeError: the record holds something that JSON has no word for.
    """
    return json.dumps(record, default=atomic.plain)


def read_index(folder: str | os.PathLike[str]) -> Index:
    """Read run.h5 and verify its checksums; needs no window.

    Raises:
        UserError: run.h5 is missing, damaged or of another schema.
    """
    with hdf.reading(Path(folder) / NAME, SCHEMA, SCHEMA_VERSION, remedy=_REMEDY) as file:
        group = hdf.subgroup(file, "provenance")
        provenance = hdf.read_record(group)
        for name in list(group):
            if isinstance(part := group[name], h5py.Group):
                provenance[name] = hdf.read_record(part)
        stages = hdf.subgroup(file, "stages")
        return Index(
            run_id=hdf.read_record(file)["run_id"],
            provenance=provenance,
            stages=tuple(hdf.read_record(hdf.subgroup(stages, name)) for name in sorted(stages.keys(), key=int)),
            decisions=tuple(json.loads(line) for line in hdf.read_texts(file, "decisions")),
        )


def _text(record: Mapping[str, Any] | str) -> str:
    return record if isinstance(record, str) else encode_decision(record)
