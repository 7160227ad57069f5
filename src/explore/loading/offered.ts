import { dispatchAtomics } from '../control/dispatched-atomics.ts';
import { construct, get, set } from '../control/plain.ts';
import { ACCESS_NAME, makeAccess } from './access.ts';

/** Set by the plugin for vitest where it rewrites all that tests import. */
const ALL = 'IRQLOOM_REWRITES_ALL';

/** Gives rewritten code what it calls, by a global name, and puts dispatching functions into Atomics. */
export function offerAccess(): void {
  dispatchAtomics();
  if (ACCESS_NAME in globalThis) return;
  Object.defineProperty(globalThis, ACCESS_NAME, { value: makeAccess({ get, set, construct }) });
}

/** Says to the processes that run tests that all code of theirs is rewritten. */
export function announceRewriting(): Record<string, string> {
  return { [ALL]: '1' };
}

/** Whether the code of this process was rewritten, all of it: functions need no proxies then. */
export function isAllRewritten(): boolean {
  return ACCESS_NAME in globalThis && process.env[ALL] === '1';
}
