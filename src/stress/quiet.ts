import type { VcpuId } from '../arch/intid.ts';
import type { Clock } from '../measure/clock.ts';
import type { Proof } from './proof.ts';

/**
 * A delivery is missing when nothing has moved for so many times the slowest wake-up of the run, within these bounds, and the
 * driver's thread itself has come to run so often meanwhile.
 */
const WAKE_UPS = 6;
const LOOKS = 300;
const LEAST_MS = 500;
const MOST_MS = 10_000;
const NAP_MS = 0.2;

/** The driver of a run, as far as its still phases need it. */
export type QuietDriver = {
  readonly stopping: boolean;
  /** By how much a nap was longer than asked for, ms: the slowest so far. */
  readonly slowestWakeMs: number;
  nap(ms: number): void;
};

/** After how long without any progress a delivery is missing, ms. */
export function boundMsOf({ slowestWakeMs }: QuietDriver): number {
  return Math.min(MOST_MS, Math.max(LEAST_MS, WAKE_UPS * slowestWakeMs));
}

/** A number that moves while anything goes on: a signal, an interrupt taken. @param takenBy - interrupts that a vCPU has taken */
export function movesOf(proof: Proof, vcpus: number, takenBy: (vcpu: VcpuId) => number): number {
  let sum = 0;
  for (let vcpu: VcpuId = 0; vcpu < vcpus; vcpu++) sum = (sum + takenBy(vcpu)) | 0;
  for (let source = 0; source < proof.sources; source++)
    sum = (sum + proof.sent(source) + proof.deliveries(source)) | 0;
  return sum;
}

/**
 * Waits until a run has settled, or is to stop. The driver's thread.
 * @param isBusy - whether a handler runs that may take long
 * @returns false where nothing has moved for as long as {@link boundMsOf}
 */
export function waitUntilSettled(
  driver: QuietDriver,
  clock: Pick<Clock, 'now'>,
  isSettled: () => boolean,
  moves: () => number,
  isBusy: () => boolean = () => false,
): boolean {
  let [movedAt, before, looks] = [clock.now(), moves(), 0];
  while (!driver.stopping && !isSettled()) {
    driver.nap(NAP_MS);
    const [now, after] = [clock.now(), moves()];
    looks++;
    if (after !== before || isBusy()) [movedAt, looks] = [now, 0];
    before = after;
    if (looks >= LOOKS && now - movedAt > boundMsOf(driver) * 1e6) return false;
  }
  return true;
}
