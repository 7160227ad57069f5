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
 * How often a device looks whether its signal has been handled before it sleeps.
 *
 * For a vCPU that polls, far longer than that can take; what takes longer still was kept from its core, perhaps by this
 * very device, and gets out of the way of it: see {@link NAP_MS}. For one that parks, not at all: so the two are to each
 * other as the threads of the parked ping-pong are, with which they are compared. And where there are more threads than
 * cores nobody gains by looking.
 */
const LOOKS = { polling: 20_000, parked: 0 } as const satisfies Record<Waiting, number>;
const LOOKS_IN_A_CROWD = 0;
/**
 * How a device sleeps that waits for a vCPU that polls: by the clock. Woken by that vCPU, it would be put on the same core,
 * and the two would take turns on it for good.
 */
const NAP_MS = 0.05;
const PARK_MS = 20;
/** A signal that is not handled by then is lost. */
const PATIENCE_MS = 10_000;
/**
 * A vCPU that has just told of its last interrupt is about to fall asleep. One that has not by then was kept from its
 * core, perhaps by this very device, which gets out of its way; and in the end is signalled all the same.
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

  /** At the start of a block: another thread may have signalled these lines since, and all of that has been handled. */
  const begin = () => {
    for (let which = 0; which < sent.length; which++)
      sent[which] = load(words, doneAt(device * plan.vcpus + which));
  };

  /** Counts a signal that has been given. */
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

  /** Stamps a signal, once nobody waits for it any more: what it costs shall not delay the interrupt. */
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
