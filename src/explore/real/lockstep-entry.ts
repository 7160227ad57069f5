import { withControlledAtomics } from '../control/controlled-atomics.ts';
import { withControlledViews } from '../control/controlled-views.ts';
import { withControlledEnvironment } from '../control/environment.ts';
import { refuseExit } from '../control/exits.ts';
import { loadSource } from '../loading/source.ts';
import { Ownership, type Range } from '../memory/ownership.ts';
import { SharedMemory } from '../memory/shared-memory.ts';
import { Baton } from './baton.ts';
import type { FreeTask } from './free-entry.ts';
import { LockstepThread } from './lockstep-thread.ts';

/** The arguments of a thread of a lockstep session. The buffers are in the main thread's order. */
export type LockstepTask = FreeTask & {
  /** Bytes whose plain accesses are steps. */
  readonly shared: readonly Range[];
};

/** The body of a thread in lockstep. Resolves when the main thread ends the session. */
export async function serveLockstep(task: LockstepTask): Promise<void> {
  const { source, thread, seed, control, spin, state, buffers, aliases, shared, port } = task;
  // Before any module of the scenario is loaded, so that steps show lines of the source.
  refuseExit();
  process.setSourceMapsEnabled(true);
  const scenario = await loadSource(source);
  const memory = new SharedMemory(state, buffers, scenario.names, aliases);
  const baton = new Baton(control, scenario.bodies.length, thread, spin);
  const part = new LockstepThread(scenario, state, memory, baton, thread, seed, port, new Ownership(shared));
  Error.stackTraceLimit = 40;
  port.postMessage('ready');
  withControlledEnvironment(part, () =>
    withControlledAtomics(part, () => withControlledViews(() => part.serve())),
  );
  port.close();
}
