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
