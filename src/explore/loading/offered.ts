import { dispatchAtomics } from '../control/dispatched-atomics.ts';
import { construct, get, set } from '../control/plain.ts';
import { rawOf } from '../control/view-proxy.ts';
import { ACCESS_NAME, makeAccess } from './access.ts';

/** Offers the functions for rewritten code under a global name, and puts dispatching functions into Atomics. */
export function offerAccess(): void {
  dispatchAtomics();
  if (ACCESS_NAME in globalThis) return;
  Object.defineProperty(globalThis, ACCESS_NAME, {
    value: makeAccess({ get, set, construct, viewOf: rawOf }),
  });
}
