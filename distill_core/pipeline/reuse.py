"""Takes over runs that are finished: in this folder by an earlier worker, or in another experiment's."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from distill_core.folders import ExperimentFolder, RunFolder, read_json, write_json
from distill_core.pipeline.keeping import Keeper
from distill_core.planned import PlannedRun
from distill_core.whole_files import copy_file, sync_folder


def have(run: PlannedRun, folder: ExperimentFolder, keeper: Keeper, *, reuse: Mapping[str, str]) -> bool:
    """Whether a run is finished here, or elsewhere and now copied here; tells its figures again if so."""
    place = folder.run(run.run_id)
    source = source_of(run, reuse)
    if not place.result.exists() and source:
        wanted = keeper.reusable - {place.result.name}
        shutil.copytree(
            source, place.path, dirs_exist_ok=True, copy_function=copy_file,
            ignore=lambda _, names: [name for name in names if name not in wanted],
        )
        sync_folder(place.path)
        # Last, as for a trained run: what has a result has everything else, whatever is killed, the machine too.
        origin = source.parent.parent.name
        write_json(place.result, read_json(RunFolder(source).result) | {"reused_from": origin})
    if not place.result.exists() or keeper.state(run.run_id) == "stopped" or _lacks_its_files(place):
        return False
    keeper.tell(run)
    return True


def source_of(run: PlannedRun, reuse: Mapping[str, str]) -> Path | None:
    """The folder of the same run, finished in another experiment."""
    told = reuse.get(run.run_id)
    return Path(told) if told and is_finished(RunFolder(Path(told))) else None


def is_finished(folder: RunFolder) -> bool:
    return (
        folder.result.exists() and bool(read_json(folder.result)["state"] == "finished")
        and not _lacks_its_files(folder)
    )


def _lacks_its_files(folder: RunFolder) -> bool:
    """Of a backup without models, a finished run has only its figures: it is trained again where it is needed."""
    finished = bool(read_json(folder.result)["state"] == "finished")
    return finished and not folder.model.exists() and not folder.onnx.exists()
