import type { Machine } from '../../board/machine.ts';
import { threadProgram } from '../../threads/programs.ts';
import type { ReplayScript } from './script.ts';
import { ScriptRunner } from './script-runner.ts';

/** The script and the number of a thread's device. */
type ScriptDevice = { readonly script: ReplayScript; readonly device: number };

/** A lane: the signals of one wire, or of one event of a device, in order. */
type Lane = { readonly items: number[]; next: number };

/**
 * A device thread of a replay: makes the signals of its wires and devices, each as soon as possible. The seed decides
 * the order in which the thread tries independent signals.
 */
export function scriptDevice(
  machine: Machine,
  { script, device }: ScriptDevice,
): { run(): { signals: number } } {
  const thread = script.vcpus + device;
  const run = new ScriptRunner(machine, script, thread);
  const lanes = lanesOf(script, thread);
  let open = lanes.length;
  let signals = 0;

  /** Makes the next signal of a lane if its causes are done. */
  const advance = (lane: Lane | undefined): boolean => {
    const item = lane?.items[lane.next];
    if (!lane || item === undefined || !run.isReady(item)) return false;
    run.perform(item);
    signals++;
    lane.next++;
    if (lane.next === lane.items.length) open--;
    return true;
  };
  /** Tries every lane once, from a random lane on. */
  const round = (): boolean => {
    const start = run.chance.below(lanes.length);
    let any = false;
    for (let step = 0; step < lanes.length; step++)
      any = advance(lanes[(start + step) % lanes.length]) || any;
    return any;
  };
  const anyReady = () =>
    lanes.some(({ items, next }) => items[next] !== undefined && run.isReady(items[next]));

  return {
    run() {
      while (open > 0 && !run.isOver) {
        if (round()) continue;
        const ticket = run.bell.announce();
        if (run.isOver || anyReady()) run.bell.withdraw();
        else run.bell.park(ticket);
      }
      return { signals };
    },
  };
}

export const scriptDeviceProgram = threadProgram(import.meta.url, scriptDevice);

function lanesOf(script: ReplayScript, thread: number): Lane[] {
  const lanes = new Map<number, Lane>();
  for (let item = 0; item < script.items; item++) {
    if (script.thread[item] !== thread) continue;
    const number = script.lane[item] ?? 0;
    const lane = lanes.get(number);
    if (lane) lane.items.push(item);
    else lanes.set(number, { items: [item], next: 0 });
  }
  return [...lanes.values()];
}
