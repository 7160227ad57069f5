import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/**
 * Frees what no test reaches any more. The engine thinks little of a SharedArrayBuffer that is no longer reached, so a file that makes
 * hundreds of machines of 128 MiB may hold more than the system grants, and then no later test can start a process.
 */
export function freeUnreached(): void {
  collect();
}

/** Calls between two times that memory is freed. */
const FREED_EVERY = 16;
let calls = 0;

/** {@link freeUnreached} at one call of 16: for a test that makes a machine of 128 MiB for each call. */
export function freeNowAndThen(): void {
  if (++calls % FREED_EVERY === 0) freeUnreached();
}
