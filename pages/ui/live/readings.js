// What the points of the runs say in the chosen view: lines, best epochs, the teachers' levels.
// `curves` has `data` (from Python), `runs`, and `held(run id)`: the points of a run by epoch, ascending, as far as they
// are shown; `all(run id)`: all of them, which axes and levels go by, so that nothing jumps in a replay.

// Where a point holds what a view shows; titles, units and ranges come with the data, as they depend on the task.
const COLUMNS = { accuracy: 3, nll: 4, loss: 2 };

export function number(value) { return typeof value === "number" && Number.isFinite(value) ? value : null; }

// The chosen view, with `value(point)`; validation views mark best epochs and the teachers' levels.
export function viewOf(data) {
  const name = data.views[data.view] ? data.view : "accuracy", told = data.views[name];
  const value = (point) => { const raw = number(point[COLUMNS[name]]); return raw === null ? null : told.factor * raw; };
  return { ...told, name, value, validation: "higher" in told };
}

// The line of one run.
export function series(curves, run, held = curves.held(run.id)) {
  const view = viewOf(curves.data);
  return [{ key: run.id, suffix: "", points: held.map((p) => [p[1], view.value(p)]) }];
}

export function isWhole(curves, run) { return run.finished && curves.held(run.id).length > 0; }

// The epoch whose weights are kept: as told when the run ended, until then the best so far.
export function bestPoint(curves, run, held = curves.held(run.id)) {
  return (run.best_epoch && held.find((p) => p[1] === run.best_epoch)) || held.filter((p) => p[6]).pop();
}

// What each finished teacher reaches, with the teacher; none in a view of the training.
export function teacherLevels(curves, view) {
  const teachers = view.validation ? curves.runs.filter((run) => run.role === "teacher" && run.finished) : [];
  return teachers.map((run) => [run, bestPoint(curves, run, curves.all(run.id))]).filter(([, best]) => best && view.value(best) !== null)
    .map(([run, best]) => [run, view.value(best)]);
}
