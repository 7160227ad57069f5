import type { ErrorCode } from '../base/codes.ts';
import { IrqError } from '../base/irq-error.ts';
import { IDLE, whereabouts } from './whereabouts.ts';

/** Most threads that an error lists. */
const SHOWN = 8;

/** A thread as an error names it. */
type Named = { readonly name: string; readonly serial: number };

/**
 * Makes the error for threads that missed a bound: the error shows where each thread is in its code.
 * @param message - the work that was not done, and the bound
 * @param last - the last step of a thread of that name, if the machine's words tell
 * @param code - of the bound that was missed
 * @returns the error, after at most 1.5 s. Main thread
 */
export async function silentThreads(
  message: string,
  threads: readonly Named[],
  last: (name: string) => string | undefined = () => undefined,
  code: ErrorCode = 'ERR_THREAD_SILENT',
): Promise<IrqError> {
  const places = await whereabouts(threads.map(({ serial }) => serial));
  const shown = threads.length <= SHOWN ? threads : busyFirst(threads, places).slice(0, SHOWN);
  const more = threads.length - shown.length;
  const said = shown.map(({ name, serial }) => {
    const place = places.get(serial);
    const did = last(name);
    return `${name}${did === undefined ? '' : ` (${did})`}: ${place ?? 'its stack cannot be had'}`;
  });
  return new IrqError(code, [message, ...said, ...(more > 0 ? [`and ${more} threads more`] : [])].join('; '));
}

/** Sorts threads inside their programs before threads that wait for messages. */
function busyFirst(threads: readonly Named[], places: ReadonlyMap<number, string>): Named[] {
  return threads.toSorted(
    (a, b) => Number(places.get(a.serial) === IDLE) - Number(places.get(b.serial) === IDLE),
  );
}
