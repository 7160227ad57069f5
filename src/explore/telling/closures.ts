import { readFileSync } from 'node:fs';
import { capturedBy } from '../loading/captured.ts';
import { type FreeWrite, freeNamesOf } from '../loading/free-writes.ts';
import { StateWatch } from '../loading/state-watch.ts';
import type { Simulation } from '../running/simulation.ts';
import { FollowChoices } from '../search/schedule.ts';
import type { ClosureChange } from './result.ts';
import { framesAbove, shortPlace } from './sites.ts';

/**
 * Finds variables outside shared memory that threads change, although all runs of a thread share them: variables that
 * its functions have captured from the surrounding test. A thread runs many times in one schedule, so such a variable
 * changes more often than the program says. Runs each thread once more, and compares its functions' captured values
 * before and after.
 * @param closely - also run threads whose text shows no such change: functions that they call may make one
 */
export function findClosureChanges(simulation: Simulation, closely: boolean): ClosureChange[] {
  const { scenario, simulator } = simulation;
  const suspects = scenario.closures.map(
    (functions) => closely || functions.some((each) => freeNamesOf(each).writes.length > 0),
  );
  if (!suspects.includes(true)) return [];
  simulator.run(new FollowChoices(new Map()), 0);
  return scenario.closures.flatMap((functions, t) =>
    suspects[t] ? changesOf(simulation, t, functions) : [],
  );
}

/** The changes in words, each with its place; empty for none. */
export function sayClosureChanges(changes: readonly ClosureChange[]): string {
  if (changes.length === 0) return '';
  const list = changes.map(({ thread, variable, site }) => {
    const where = site === '' ? '' : ` (${shortPlace(site)})`;
    return `${thread} changes \`${variable}\`${where}`;
  });
  return `${list.join(', ')}: outside shared memory, and all runs of a thread share it; keep in the state what threads change`;
}

function changesOf(simulation: Simulation, t: number, functions: readonly object[]): ClosureChange[] {
  const names = functions.map(freeNamesOf);
  const captured = capturedBy(functions);
  const called = names.flatMap((each) => [...each.names].map((name) => captured.get(name)));
  const all = [...functions, ...called.filter((each): each is object => typeof each === 'function')];
  let current = capturedBy(all);
  const watches = [...current.keys()].map((name) => {
    const watch = new StateWatch();
    watch.add(() => [[name, () => current.get(name)]]);
    return { name, watch, isWatched: watch.begin() === undefined };
  });
  runOnce(simulation, t);
  current = capturedBy(all);
  const changed = watches.filter(({ watch, isWatched }) => isWatched && watch.changed() !== undefined);
  if (changed.length === 0) return [];
  const writes = all.flatMap((each) => freeNamesOf(each).writes);
  const lines = linesOf(simulation, t);
  return changed.map(({ name }) => ({
    thread: simulation.scenario.threadNames[t] ?? '',
    variable: name,
    site: placeOf(
      writes.filter((write) => write.name === name),
      lines,
    ),
  }));
}

/** Runs thread t along the last schedule. */
function runOnce({ simulator, runner, memory }: Simulation, t: number): void {
  const waits = (simulator.waiting >>> t) & 1;
  const count = (simulator.done[t] ?? 0) - waits;
  memory.keep();
  try {
    runner.resume(t, simulator.paths[t] ?? [], simulator.answers[t] ?? [], count);
  } catch {
    // The search has ended: nothing starts over.
  } finally {
    memory.putBack();
  }
}

/** The calling lines of thread t's operations in the last schedule. */
function linesOf({ simulator, runner }: Simulation, t: number): readonly string[] {
  const waits = (simulator.waiting >>> t) & 1;
  const count = (simulator.done[t] ?? 0) - waits;
  try {
    return runner
      .sites(t, simulator.paths[t] ?? [], simulator.answers[t] ?? [], count, 0, framesAbove)
      .flatMap((frames) => frames ?? []);
  } catch {
    return [];
  }
}

/** The place of one of the writes in the files of the thread's operations: the line nearest to an operation. */
function placeOf(writes: readonly FreeWrite[], sites: readonly string[]): string {
  let best = sites[0] ?? '';
  let distance = Infinity;
  for (const site of new Set(sites)) {
    const [, file = '', line = ''] = /^(.*):(\d+):\d+$/.exec(site) ?? [];
    const source = readLines(file);
    for (const { code } of writes) {
      const wanted = squeezed(code);
      for (const [i, text] of source.entries()) {
        const far = Math.abs(i + 1 - Number(line));
        if (far >= distance || !squeezed(text).includes(wanted)) continue;
        distance = far;
        best = `${file}:${i + 1}:${text.search(/\S/) + 1}`;
      }
    }
  }
  return best;
}

/** The first line of some code without blanks. */
function squeezed(code: string): string {
  return (code.split('\n')[0] ?? '').replace(/\s+/g, '');
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
