import type { Machine } from '../board/machine.ts';
import { type Plan, stressViews } from '../stress/index.ts';
import { threadProgram } from '../threads/programs.ts';

/** The work of a device in one block. */
export type Block = {
  /**
   * `single`: signals again after the signal before was handled. `round`: signals each source once, then awaits all.
   */
  readonly kind: 'single' | 'round';
  readonly ms: number;
};

type DebateDevice = {
  readonly plan: Plan;
  readonly device: number;
  readonly blocks: readonly Block[];
};
export type BlockDone = { readonly signals: number; readonly ns: number; readonly settled: boolean };

/**
 * How often a device polls for its signals' handling before it sleeps, and how long it sleeps at most. A lone signal
 * gets few polls: on a busy machine the vCPU may need this very core.
 */
const LOOKS = { single: 50, round: 1_000 } as const;
const NAP_MS = 50;
/** A signal not handled within this time is lost: on a busy machine a vCPU may get no processor for seconds. */
const LOST_MS = 10_000;

/**
 * A device thread of a comparison: each run is the next of its blocks. No interrupt coalesces: the device signals a
 * source again only after it was handled.
 */
export function debateDevice(machine: Machine, { plan, device, blocks }: DebateDevice): { run(): BlockDone } {
  const { proof } = stressViews(machine, plan);
  const { irqfds } = machine.vm;
  const { clock } = machine;
  const sources = plan.sources.flatMap((source, index) =>
    source.device === device ? [{ index, fd: source.fd }] : [],
  );
  let next = 0;

  const signal = (which: number) => {
    const source = sources[which];
    if (!source) return;
    proof.beginSignal(source.index, clock);
    irqfds.write(source.fd);
  };

  const settle = (index: number, looks: number) => {
    for (let look = 0; look < looks; look++) if (proof.isSettled(index)) return true;
    const until = clock.now() + LOST_MS * 1e6;
    while (!proof.awaitSettled(device, index, NAP_MS)) if (clock.now() > until) return false;
    return true;
  };

  return {
    run() {
      const { kind, ms } = blocks[next++ % blocks.length] ?? { kind: 'single', ms: 0 };
      const start = clock.now();
      const end = start + ms * 1e6;
      let signals = 0;
      let settled = true;
      while (settled && clock.now() < end) {
        if (kind === 'single') {
          signal(signals % sources.length);
          settled = settle(sources[signals % sources.length]?.index ?? 0, LOOKS.single);
          signals++;
          continue;
        }
        for (let which = 0; which < sources.length; which++) signal(which);
        signals += sources.length;
        for (const { index } of sources) settled = settled && settle(index, LOOKS.round);
      }
      return { signals, ns: clock.now() - start, settled };
    },
  };
}

export const debateDeviceProgram = threadProgram(import.meta.url, debateDevice);
