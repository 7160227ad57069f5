import type { VcpuId } from '../../arch/intid.ts';
import { IrqError } from '../../base/irq-error.ts';
import type { Machine } from '../../board/machine.ts';
import { STAGE } from '../../measure/event-ring.ts';
import { nap } from '../../memory/nap.ts';
import { load } from '../../memory/word.ts';
import { INTENDED, type LatencyPlan, latencyViews, RETURNED } from './latency-plan.ts';
import type { Line, Path, Waiting } from './latency-result.ts';
import { keyOf } from './signalling.ts';

/**
 * How often a device polls whether its signal has been handled before it sleeps.
 *
 * polling: polls far longer than a handler takes. A vCPU that takes longer has lost its core, perhaps to this device, so the device
 * sleeps ({@link NAP_MS}). parked: 0, so that device and vCPU behave as the threads of the parked ping-pong, the calibration of that
 * path. With more threads than cores: 0, because a polling device only delays the vCPU.
 */
const LOOKS = { polling: 20_000, parked: 0 } as const satisfies Record<Waiting, number>;
const LOOKS_IN_A_CROWD = 0;
/**
 * A device that waits for a polling vCPU sleeps for a fixed time, ms. If the vCPU woke the device, the kernel would place both on one
 * core, and they would share that core from then on.
 */
const NAP_MS = 0.05;
const PARK_MS = 20;
/** A signal that is not handled within this time is lost, ms. */
const PATIENCE_MS = 10_000;
/**
 * A vCPU that has just reported its last interrupt is about to halt. If it has not halted within the first time, it has lost its core,
 * perhaps to this device, so the device sleeps in short naps. After the second time the device signals anyway.
 */
const FALLS_ASLEEP_WITHIN_NS = 5_000;
const ASLEEP_WITHIN_NS = 10e6;

/** The lines of one device in its thread: counts the signals on each, and waits for their handlers. */
export function deviceLines(machine: Machine, plan: LatencyPlan, device: number) {
  const { clock, words, stamps } = machine;
  const { doneAt, bells, places } = latencyViews(machine, plan);
  const mine = plan.lines.filter((line) => line.device === device);
  const bell = bells[device];
  const crowded = plan.vcpus + plan.devices > plan.cores;
  const sent = Int32Array.from(mine, () => 0);

  /** Call at the start of a block. Reads the counts again: another thread may have signalled these lines since; all are handled. */
  const begin = () => {
    for (let which = 0; which < sent.length; which++)
      sent[which] = load(words, doneAt(device * plan.vcpus + which));
  };

  /** Counts a signal. */
  const count = (which: number) => {
    sent[which] = ((sent[which] ?? 0) + 1) | 0;
  };

  const isSettled = (which: number) =>
    load(words, doneAt(device * plan.vcpus + which)) === (sent[which] ?? 0);

  const sleep = (which: number) => {
    const ticket = bell?.announce() ?? 0;
    if (isSettled(which)) bell?.withdraw();
    else bell?.park(ticket, PARK_MS);
  };

  const settle = (which: number, path: Path) => {
    const looks = crowded ? LOOKS_IN_A_CROWD : LOOKS[path.waiting];
    for (let look = 0; look < looks; look++) if (isSettled(which)) return;
    for (const end = clock.now() + PATIENCE_MS * 1e6; !isSettled(which); ) {
      if (path.waiting === 'polling') nap(NAP_MS);
      else sleep(which);
      if (clock.now() > end && !isSettled(which)) throw notHandled(mine[which], PATIENCE_MS, places.calls);
    }
  };

  const awaitSleep = (vcpu: VcpuId) => {
    const control = machine.control(vcpu);
    const start = clock.now();
    while (!control.isHalted && clock.now() - start < FALLS_ASLEEP_WITHIN_NS);
    while (!control.isHalted && clock.now() - start < ASLEEP_WITHIN_NS) nap(NAP_MS);
  };

  /** Stamps a signal. Call it after the signal was handled: the cost of stamping must not delay the interrupt. */
  const stamp = (line: Line, path: Path, ns: number, returned: number, due: number) => {
    const key = keyOf(line, path.source);
    stamps?.record(STAGE.signal, key, ns);
    stamps?.record(RETURNED, key, returned);
    if (due > 0) stamps?.record(INTENDED, key, due);
  };

  return { mine, begin, count, settle, awaitSleep, stamp };
}

function notHandled(line: Line | undefined, patienceMs: number, calls: readonly string[]): IrqError {
  const where = calls.length === 0 ? '' : `: ${calls.join(', ')}`;
  const name = line ? `a signal of device ${line.device} for vCPU ${line.vcpu}` : 'a signal';
  return new IrqError('ERR_THREAD_SILENT', `${name} was not handled within ${patienceMs} ms${where}`);
}
