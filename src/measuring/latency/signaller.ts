import type { VcpuId } from '../../arch/intid.ts';
import { IrqError } from '../../base/irq-error.ts';
import type { Machine } from '../../board/machine.ts';
import { STAGE } from '../../measure/event-ring.ts';
import { nap } from '../../memory/nap.ts';
import { load } from '../../memory/word.ts';
import { Games } from './games.ts';
import { INTENDED, type LatencyPlan, latencyViews, RETURNED } from './latency-plan.ts';
import type { Line, Path, Waiting } from './latency-result.ts';
import { deviceSide, type GiveSignal, keyOf } from './signalling.ts';

/**
 * How often a device looks whether its signal has been handled before it sleeps.
 *
 * For a vCPU that polls, far longer than that can take; what takes longer still was kept from its core, perhaps by this
 * very device, and gets out of the way of it: see {@link NAP_MS}. For one that parks, not at all: so the two are to each
 * other as the threads of the parked ping-pong are, with which they are compared. And where there are more threads than
 * cores no thread gains by looking.
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
/** A device sleeps until so long before its next signal, and looks at the clock for the rest. */
const AWAKE_NS = 200_000;

/**
 * Gives the signals of a block, in turn to each vCPU.
 *
 * In a closed loop each is awaited before the next; a vCPU that parks is left alone until it sleeps. At a rate, each
 * has its time, and is given then, or as soon as it can be: late when this thread was kept, or when the interrupt of
 * before is not handled yet, which it would be one with. When it was due is stamped as well.
 */
export function makeSignaller(machine: Machine, plan: LatencyPlan, device: number): { run(): number } {
  const { clock, words, stamps } = machine;
  const { pathAt, countAt, intervalAt, doneAt, bells } = latencyViews(machine, plan);
  const mine = plan.lines.filter((line) => line.device === device);
  const bell = bells[device];
  const games = new Games(machine, plan);
  const ways = plan.paths.map((path) => deviceSide(machine, plan, path));
  const crowded = plan.vcpus + plan.devices > plan.cores;
  const sent = Int32Array.from(mine, () => 0);

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
      if (clock.now() > end && !isSettled(which)) throw notHandled(mine[which], PATIENCE_MS);
    }
  };

  const awaitSleep = (vcpu: VcpuId) => {
    const control = machine.control(vcpu);
    const start = clock.now();
    while (!control.isHalted && clock.now() - start < FALLS_ASLEEP_WITHIN_NS);
    while (!control.isHalted && clock.now() - start < ASLEEP_WITHIN_NS) nap(NAP_MS);
  };

  const awaitTime = (ns: number) => {
    const left = ns - clock.now();
    if (left > AWAKE_NS) nap((left - AWAKE_NS) / 1e6);
    while (clock.now() < ns);
  };

  /** Stamps a signal, once no thread waits for it any more: the cost of the stamp must not delay the interrupt. */
  const stamp = (line: Line, path: Path, ns: number, returned: number, due: number) => {
    const key = keyOf(line, path.source);
    stamps?.record(STAGE.signal, key, ns);
    stamps?.record(RETURNED, key, returned);
    if (due > 0) stamps?.record(INTENDED, key, due);
  };

  const closedLoop = (path: Path, way: GiveSignal, count: number) => {
    const staged = stamps?.on ?? false;
    for (let i = 0; i < count; i++) {
      const which = i % mine.length;
      const line = mine[which];
      if (!line) return;
      if (path.waiting === 'parked') awaitSleep(line.vcpu);
      const ns = clock.now();
      way(line);
      const returned = staged ? clock.now() : ns;
      sent[which] = ((sent[which] ?? 0) + 1) | 0;
      settle(which, path);
      stamp(line, path, ns, returned, 0);
    }
  };

  const openLoop = (path: Path, way: GiveSignal, count: number, intervalNs: number) => {
    // Devices take turns: each begins its share of an interval after the one before.
    const start = clock.now() + AWAKE_NS + (intervalNs * device) / plan.devices;
    for (let i = 0; i < count; i++) {
      const which = i % mine.length;
      const line = mine[which];
      if (!line) return;
      const due = Math.round(start + i * intervalNs);
      awaitTime(due);
      settle(which, path);
      const ns = clock.now();
      way(line);
      const returned = clock.now();
      sent[which] = ((sent[which] ?? 0) + 1) | 0;
      stamp(line, path, ns, returned, due);
    }
    for (let which = 0; which < mine.length; which++) settle(which, path);
  };

  return {
    run() {
      const which = load(words, pathAt);
      if (games.isGame(which)) {
        if (device === 0) games.ping(which, load(words, countAt));
        return 0;
      }
      const [path, way] = [plan.paths[which], ways[which]];
      const count = load(words, countAt);
      const intervalNs = load(words, intervalAt);
      if (!path || !way) return 0;
      // Another thread may have signalled these lines since; all of it has been handled.
      for (let line = 0; line < sent.length; line++)
        sent[line] = load(words, doneAt(device * plan.vcpus + line));
      if (intervalNs === 0) closedLoop(path, way, count);
      else openLoop(path, way, count, intervalNs);
      return count;
    },
  };
}

function notHandled(line: Line | undefined, patienceMs: number): IrqError {
  const name = line ? `a signal of device ${line.device} for vCPU ${line.vcpu}` : 'a signal';
  return new IrqError('ERR_THREAD_SILENT', `${name} was not handled within ${patienceMs} ms`);
}
