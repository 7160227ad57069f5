import { readThrown } from '../../base/thrown.ts';
import { proxiedAccesses } from '../control/view-proxy.ts';
import { framesOf } from '../telling/sites.ts';
import { FAILED } from './operation.ts';
import type { Simulation } from './simulation.ts';

/**
 * Looks whether what a thread has thrown is the fault of the stand-ins that the thread got for views of shared memory:
 * code of the engine that is no JavaScript (`fs.writeSync`, `hash.update`) refuses them. The thread is run once more with
 * the views themselves, and has to throw then, too.
 * @throws Restart where the stand-ins are to blame: the search starts over without them
 */
export function requireOwnFault({ simulator, runner, memory }: Simulation): void {
  const { fault } = simulator;
  const { handed } = runner;
  if (fault?.kind !== 'threw' || !handed.hasStandIns) return;
  const t = fault.thread;
  const { stack } = readThrown(fault.thrown);
  const run = () =>
    runner.resume(t, simulator.paths[t] ?? [], simulator.answers[t] ?? [], simulator.done[t] ?? 0);
  memory.keep();
  try {
    const before = proxiedAccesses;
    run();
    const proxied = proxiedAccesses > before;
    // Its other accesses go through proxies, and cannot be followed without: the place of the error has to tell.
    if (proxied && !isOfNode(stack)) return;
    const saw = handed.withViews(run);
    if (runner.mismatchAt < 0 && saw.op === FAILED) return;
    handed.foundNativeUse(t, framesOf(stack)[0]);
  } finally {
    memory.putBack();
  }
}

/** Whether an error comes from Node.js's own code. */
function isOfNode(stack: string): boolean {
  return /^[^\n]*\n\s+at [^\n]*\(?node:/.test(stack);
}
