import { Chance } from '../../src/base/chance.ts';
import { GuestQueue } from '../../src/recorded/replay/guest-queue.ts';
import { loadReplay } from '../../src/recorded/replay/replay.ts';
import { emptyTally } from '../../src/recorded/replay/replay-tally.ts';
import { Replayer } from '../../src/recorded/replay/replayer.ts';
import type { GuestTrace } from '../../src/recorded/trace/guest-trace.ts';
import { packTrace } from '../../src/recorded/trace/packed-trace.ts';
import { bootLines, hex, type Line, traceOf } from './recordings.ts';

/** What a random guest is like. */
export type RandomGuest = {
  readonly seed: number;
  readonly cpus: number;
  readonly steps: number;
  /** Ends by EOI and DIR. */
  readonly splitEnds?: boolean;
  /** Mostly MSIs and INT commands, soon taken, and seldom anything else. */
  readonly ints?: boolean;
};

const TIMER = 27;
const LEVEL_SPIS = 3;
const EDGE_SPIS = 2;

/**
 * A generated recording: random signals, handlers, SGIs, and setting up in between. What its acknowledges
 * return is what the machine returned when it was made, one event after the other.
 */
export function randomGuest({ seed, cpus, steps, splitEnds = false, ints = false }: RandomGuest): GuestTrace {
  const chance = new Chance(seed);
  chance.begin(0);
  const { lines, commands, device, lpi } = bootLines(cpus, splitEnds);
  const machine = recordedOn(lines);
  const spis = LEVEL_SPIS + EDGE_SPIS;
  const write = (offset: number, value: number) =>
    lines.push({ op: 'write', frame: 'GICD', offset: hex(offset), size: 4, value: hex(value >>> 0) });
  // SPIs 32 and up: the last ones are edge-triggered, all are enabled and spread over the vCPUs.
  write(0xc08, ((1 << (2 * spis)) - 1) & 0xaaaa_aaaa & ~((1 << (2 * LEVEL_SPIS)) - 1));
  for (let spi = 0; spi < spis; spi++) {
    lines.push({ op: 'write', frame: 'GICD', offset: hex(0x420 + spi), size: 1, value: '0xa0' });
    lines.push({
      op: 'write',
      frame: 'GICD',
      offset: hex(0x6000 + 8 * (32 + spi)),
      size: 8,
      value: hex(spi % cpus),
    });
  }
  write(0x104, (1 << spis) - 1);
  const levels = new Map<string, 0 | 1>();
  const enabled = new Set<number>(Array.from({ length: cpus * 2 }, (_, n) => lpi(n >> 1, n & 1)));
  /** By vCPU: interrupts in whose handlers it is, innermost last, and those that wait for DIR. */
  const active: number[][] = Array.from({ length: cpus }, () => []);
  const ended: number[][] = Array.from({ length: cpus }, () => []);

  const line = (intid: number, cpu: number, level: 0 | 1) => {
    levels.set(`${intid} ${cpu}`, level);
    lines.push(intid < 32 ? { op: 'line', cpu, intid, level } : { op: 'line', intid, level });
  };
  const wire = (): [number, number] => {
    const which = chance.below(cpus + spis);
    return which < cpus ? [TIMER, which] : [32 + which - cpus, -1];
  };
  const event = () => ({ cpu: chance.below(cpus), eventId: chance.below(2) });

  const acts: readonly (() => void)[] = [
    () => {
      const [intid, cpu] = wire();
      line(intid, cpu, levels.get(`${intid} ${cpu}`) === 1 ? 0 : 1);
    },
    () => {
      const { cpu, eventId } = event();
      lines.push({ op: 'msi', deviceId: device(cpu), eventId });
    },
    () => {
      // A handler that is running while registers are written is one that must not come early: that has a chance too.
      if (active.some((handlers) => handlers.length > 0) && chance.below(4) !== 0) return;
      const { cpu, eventId } = event();
      commands({ name: 'INT', deviceId: device(cpu), eventId });
    },
    () => {
      const cpu = chance.below(cpus);
      const irm = chance.below(4) === 0 ? 1 : 0;
      const targets = irm === 1 ? 0 : 1 + chance.below((1 << cpus) - 1);
      lines.push({ op: 'sgi', cpu, intid: chance.below(3), irm, affinity: '0x0', targets: hex(targets) });
    },
  ];
  const control: readonly (() => void)[] = [
    () => {
      const { cpu, eventId } = event();
      commands({ name: 'MOVI', deviceId: device(cpu), eventId, collectionId: chance.below(cpus) });
    },
    () => {
      const { cpu, eventId } = event();
      const intid = lpi(cpu, eventId);
      if (!enabled.delete(intid)) enabled.add(intid);
      lines.push({ op: 'lpi-config', lpi: intid, value: enabled.has(intid) ? '0xa3' : '0xa2' });
      commands({ name: 'INV', deviceId: device(cpu), eventId });
    },
    () => {
      const { cpu, eventId } = event();
      commands({ name: 'CLEAR', deviceId: device(cpu), eventId });
    },
    () => write(chance.below(2) === 0 ? 0x184 : 0x104, 1 << chance.below(spis)),
    () =>
      lines.push({
        op: 'write',
        frame: 'GICD',
        offset: hex(0x6000 + 8 * (32 + chance.below(spis))),
        size: 8,
        value: hex(chance.below(cpus)),
      }),
    () =>
      lines.push({
        op: 'icc',
        cpu: chance.below(cpus),
        register: 'IGRPEN1',
        value: hex(chance.below(4) === 0 ? 0 : 1),
      }),
    () => lines.push({ op: 'read', frame: 'GITS', offset: '0x8', size: 8, value: '0x1f0001efb1' }),
  ];

  const acknowledge = (cpu: number) => {
    const intid = machine.acknowledge(cpu);
    if (intid === undefined) return;
    lines.push({ op: 'iar', cpu, intid });
    if (intid !== 1023) active[cpu]?.push(intid);
  };
  const end = (cpu: number) => {
    const intid = active[cpu]?.pop();
    if (intid === undefined) return;
    const wired = intid < 32 ? `${intid} ${cpu}` : `${intid} -1`;
    // Most handlers quieten their device; those that do not are run again.
    if (levels.get(wired) === 1 && chance.below(8) !== 0) line(intid, intid < 32 ? cpu : -1, 0);
    if (chance.below(6) === 0) acts[3]?.();
    lines.push({ op: 'eoi', cpu, intid });
    if (splitEnds && intid < 8192) ended[cpu]?.push(intid);
  };

  for (let step = 0; step < steps; step++) {
    const what = chance.below(20);
    const cpu = chance.below(cpus);
    if (what < 8) acts[ints && chance.below(8) !== 0 ? 1 + chance.below(2) : chance.below(acts.length)]?.();
    else if (what < 9 && !(ints && chance.below(6) !== 0)) control[chance.below(control.length)]?.();
    else if (what < 15) acknowledge(cpu);
    else end(cpu);
    const done = splitEnds && chance.below(2) === 0 ? ended[cpu]?.pop() : undefined;
    if (done !== undefined) lines.push({ op: 'dir', cpu, intid: done });
  }
  return traceOf(lines, `random-${seed}.jsonl`);
}

/** The machine on which a recording is made: it follows the lines as they are written. */
function recordedOn(lines: readonly Line[]) {
  const { machine } = loadReplay(traceOf(lines));
  const queue = new GuestQueue(machine);
  let followed = 1;
  return {
    /** What the next acknowledge of a vCPU returns; undefined while nothing is signalled there. */
    acknowledge(cpu: number): number | undefined {
      if (lines.length > followed) {
        const packed = packTrace(traceOf([lines[0] ?? {}, ...lines.slice(followed)]));
        new Replayer(machine, packed, queue).run(emptyTally(), 0, packed.count);
      }
      const { irq } = machine.gic.cpuInterface(cpu);
      // The acknowledge is made here; its line is about to be written.
      followed = lines.length + (irq ? 1 : 0);
      return irq ? machine.gic.cpuInterface(cpu).acknowledge() : undefined;
    },
  };
}
