import { parentPort, workerData } from 'node:worker_threads';
import { toPlain } from '../../base/irq-error.ts';
import { Builtins } from '../control/builtins.ts';
import { dispatchAtomics } from '../control/dispatched-atomics.ts';
import { refusedExit, refuseExit } from '../control/exits.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import { loadSource } from '../loading/source.ts';
import type { Progress } from '../search/progress.ts';
import { replayChecked } from '../telling/replay.ts';
import { whatIfChecked } from '../telling/what-if.ts';
import { exploreInLockstep, replayInLockstep } from './confirm.ts';
import { runFree } from './free.ts';
import { exploreInParallel } from './parallel.ts';
import type { SearchAnswer, SearchMessage, SearchTask } from './search-task.ts';

/** Loads the scenario of a task, does the task, and posts the answer. Runs in its own thread, see search-thread.ts. */
export async function serveSearch(): Promise<void> {
  const post = (message: SearchMessage): void => parentPort?.postMessage(message);
  const task = workerData as SearchTask;
  refuseExit();
  dispatchAtomics();
  const builtins = new Builtins();
  const { setImmediate: later } = globalThis;
  try {
    process.setSourceMapsEnabled(true);
    const scenario = await loadSource(task.source);
    // If a module rejected a promise without a handler, the thread ends here.
    await new Promise<void>((resolve) => later(resolve));
    post({ progress: begun(scenario) });
    const answer = await perform(task, scenario, (progress) => post({ progress }));
    const exit = refusedExit();
    if (exit !== undefined) throw exit;
    post({ answer });
  } catch (error) {
    post({ error: toPlain(builtins.explain(error)) });
  }
}

function perform(
  task: SearchTask,
  scenario: CheckedScenario,
  onProgress: (progress: Progress) => void,
): Promise<SearchAnswer[keyof SearchAnswer]> {
  const { source } = task;
  switch (task.does) {
    case 'search':
      return exploreInParallel(scenario, source, { ...task.options, onProgress }, task.jobs);
    case 'confirm':
      return exploreInLockstep(scenario, source, { ...task.options, onProgress });
    case 'free':
      return runFree(scenario, source, task.options);
    case 'what-if':
      return Promise.resolve(whatIfChecked(task.token, scenario, task.options));
    case 'replay': {
      const { token, steps, executor } = task;
      if (executor === 'lockstep') return replayInLockstep(token, scenario, source, { steps });
      return Promise.resolve(replayChecked(token, scenario, { steps }));
    }
  }
}

function begun({ name }: CheckedScenario): Progress {
  return {
    stage: 'search',
    scenario: name,
    phase: 'profile',
    schedules: 0,
    steps: 0,
    seconds: 0,
    failed: false,
  };
}
