import type { Machine } from '../../board/machine.ts';
import { nap } from '../../memory/nap.ts';
import { load } from '../../memory/word.ts';
import { deviceLines } from './device-lines.ts';
import { Games } from './games.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';
import type { Path } from './latency-result.ts';
import { deviceSide, type GiveSignal } from './signalling.ts';

/** A device sleeps until so many ns before its next signal, and then polls the clock. */
const AWAKE_NS = 200_000;

/**
 * Sends the signals of a block, to each vCPU in turn.
 *
 * Closed loop: the device waits until a signal is handled, and on the path `parked` until the vCPU has halted, before it sends the next.
 * At a rate: each signal has a due time. The device sends late if the host has preempted its thread, or while the line's previous
 * signal is not handled, because the two would merge. It stamps the due time too.
 */
export function makeSignaller(machine: Machine, plan: LatencyPlan, device: number): { run(): number } {
  const { clock, words, stamps } = machine;
  const { pathAt, countAt, intervalAt } = latencyViews(machine, plan);
  const { mine, begin, count: counted, settle, awaitSleep, stamp } = deviceLines(machine, plan, device);
  const games = new Games(machine, plan);
  const ways = plan.paths.map((path) => deviceSide(machine, plan, path));

  const awaitTime = (ns: number) => {
    const left = ns - clock.now();
    if (left > AWAKE_NS) nap((left - AWAKE_NS) / 1e6);
    while (clock.now() < ns);
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
      counted(which);
      settle(which, path);
      stamp(line, path, ns, returned, 0);
    }
  };

  const openLoop = (path: Path, way: GiveSignal, count: number, intervalNs: number) => {
    // Devices are staggered: each starts a share of an interval after the previous device.
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
      counted(which);
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
      begin();
      if (intervalNs === 0) closedLoop(path, way, count);
      else openLoop(path, way, count, intervalNs);
      return count;
    },
  };
}
