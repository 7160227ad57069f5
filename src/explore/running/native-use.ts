import { readThrown } from '../../base/thrown.ts';
import { proxiedAccesses } from '../control/view-proxy.ts';
import { framesOf } from '../telling/sites.ts';
import { FAILED } from './operation.ts';
import type { Simulation } from './simulation.ts';

/**
 * Decides whether the stand-ins for views of shared memory caused a thread's error: native code of the engine
 * (`fs.writeSync`, `hash.update`) refuses them. Runs the thread once more with the views themselves; a genuine error
 * occurs again.
 * @throws Restart if the stand-ins caused the error: the search starts over without them
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
    // Without proxies, its other accesses are invisible: only the place of the error can decide.
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
