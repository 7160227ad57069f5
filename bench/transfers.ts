/**
 * The cost of an interrupt in cache lines that move from one core to another: counted, not timed. Every thread of a machine
 * is played in one thread, in a fixed order, and each `Atomics` call is followed by a model of coherent caches of its own
 * for each thread (MESI, without a limit of size). So the figures are the same on every machine, and tell how a machine of
 * many cores will do: a line that two pairs of device and vCPU share costs more with each core.
 */
import { pathToFileURL } from 'node:url';
import type { VcpuId } from '../src/arch/intid.ts';
import { Machine } from '../src/board/machine.ts';
import {
  bootSynthetic,
  openCpuInterface,
  routesOf,
  type Source,
  syntheticConfig,
  syntheticSources,
  type Topology,
} from '../src/guest/index.ts';
import { LINE } from '../src/memory/layout.ts';
import { table } from '../src/report/table.ts';

/** Signals of each pair before the count begins, and the signals that are counted. */
const WARM = 32;
const COUNTED = 64;
const NOTHING = 1023;
const MAIN = 0;

export type Way = 'inline' | 'main';

/** Transfers of lines, by the name of the region that the line belongs to. */
export type Transfers = {
  readonly topology: Topology;
  readonly way: Way;
  /** Of one interrupt, on average: from the signal to its end. */
  readonly perInterrupt: number;
  readonly byRegion: readonly { readonly region: string; readonly perInterrupt: number }[];
  /** Regions with a line that two devices wrote, and with one that two vCPUs wrote. */
  readonly byDevices: readonly string[];
  readonly byVcpus: readonly string[];
};

/** Coherent caches, one for each thread: which threads hold a line, and how often a line had to come from another one. */
class Caches {
  readonly moved = new Map<number, number>();
  /** By line: the threads that have written the line. */
  readonly writers = new Map<number, Set<number>>();
  readonly #holders = new Map<number, Set<number>>();
  counting = false;
  thread = MAIN;

  touch(word: number, writes: boolean): void {
    const line = Math.floor(word / LINE);
    const holders = this.#holders.get(line) ?? new Set<number>();
    const moves = !holders.has(this.thread) || (writes && holders.size > 1);
    if (this.counting && moves) this.moved.set(line, (this.moved.get(line) ?? 0) + 1);
    if (writes) {
      holders.clear();
      if (this.counting) this.writers.set(line, (this.writers.get(line) ?? new Set()).add(this.thread));
    }
    holders.add(this.thread);
    this.#holders.set(line, holders);
  }
}

const READS = ['load'] as const;
const WRITES = ['store', 'add', 'sub', 'and', 'or', 'xor', 'exchange', 'compareExchange'] as const;
type Call = (words: Int32Array, at: number, ...rest: number[]) => number;

/** Follows every access to the words of `buffer` while `play` runs. */
function follow(buffer: SharedArrayBuffer, caches: Caches, play: () => void): void {
  const real = { ...Object.getOwnPropertyDescriptors(Atomics) };
  const wrap = (name: string, writes: boolean) => {
    const call = Reflect.get(Atomics, name) as Call;
    Object.defineProperty(Atomics, name, {
      ...real[name as keyof typeof real],
      value: (words: Int32Array, at: number, ...rest: number[]) => {
        const bytes = words.byteOffset + at * words.BYTES_PER_ELEMENT;
        if (words.buffer === buffer) caches.touch(bytes >>> 2, writes);
        return call(words, at, ...rest);
      },
    });
  };
  for (const name of READS) wrap(name, false);
  for (const name of WRITES) wrap(name, true);
  try {
    play();
  } finally {
    Object.defineProperties(Atomics, real);
  }
}

/** Each device signals all its events, then each vCPU takes its interrupts, over and over. Events go to the vCPUs in turn. */
export function count(size: Omit<Topology, 'spis'>, way: Way): Transfers {
  const topology: Topology = { ...size, spis: 0 };
  const config = { ...syntheticConfig(topology), dispatch: way };
  const main = Machine.create(config);
  const sources = syntheticSources(topology, config.spis);
  bootSynthetic(main, topology, sources);
  main.vm.setGsiRouting(routesOf(config, sources));
  for (const { fd, gsi } of sources) main.vm.assignIrqFd(fd, gsi);

  const caches = new Caches();
  const devices = Array.from({ length: topology.devices }, (_, device) => deviceOf(main, device, sources));
  const vcpus = Array.from({ length: topology.vcpus }, (_, vcpu) => vcpuOf(main, vcpu));
  const play = ({ thread, act }: Player) => {
    caches.thread = thread;
    return act();
  };
  const dispatch: Player = { thread: MAIN, act: () => main.vm.irqfds.dispatchPending() };
  follow(main.buffer, caches, () => {
    for (let round = 0; round < WARM + COUNTED; round++) {
      caches.counting = round >= WARM;
      for (const vcpu of vcpus) play(vcpu);
      for (const device of devices) play(device);
      // Inline, the first signals are the main thread's too: no translation is in the cache yet.
      if (way === 'main' || !caches.counting) play(dispatch);
      const taken = vcpus.reduce((sum, vcpu) => sum + play(vcpu), 0);
      if (taken !== sources.length) throw new Error(`${taken} of ${sources.length} signals were taken`);
    }
  });
  return summary(main, caches, topology, way);
}

/** A thread's action at its turn; returns how many signals or interrupts the thread dealt with. */
type Player = { readonly thread: number; readonly act: () => number };

function deviceOf(main: Machine, device: number, sources: readonly Source[]): Player {
  const thread = main.otherThread(device);
  const { irqfds } = Machine.attach(main.buffer, thread).vm;
  const mine = sources.filter((source) => source.device === device);
  return {
    thread,
    act: () => {
      for (const { fd } of mine) irqfds.write(fd);
      return mine.length;
    },
  };
}

function vcpuOf(main: Machine, vcpu: VcpuId): Player {
  const thread = Machine.threadOfVcpu(vcpu);
  const { gic, vm } = Machine.attach(main.buffer, thread);
  const cpu = gic.cpuInterface(vcpu);
  openCpuInterface(cpu);
  return {
    thread,
    act: () => {
      for (let taken = 0; ; taken++) {
        const intid = cpu.acknowledge();
        if (intid === NOTHING) return taken;
        cpu.endOfInterrupt(intid);
        vm.serveAcks();
      }
    },
  };
}

function summary(main: Machine, caches: Caches, topology: Topology, way: Way): Transfers {
  const { vcpus, devices, events } = topology;
  const interrupts = devices * events * COUNTED;
  const byRegion = new Map<string, number>();
  for (const [line, moved] of caches.moved) {
    const region = regionOf(main, line);
    byRegion.set(region, (byRegion.get(region) ?? 0) + moved / interrupts);
  }
  const writtenByTwo = (isOne: (thread: number) => boolean) => {
    const lines = [...caches.writers].filter(([, threads]) => [...threads].filter(isOne).length > 1);
    return [...new Set(lines.map(([line]) => regionOf(main, line)))].sort();
  };
  return {
    topology,
    way,
    perInterrupt: [...byRegion.values()].reduce((sum, moved) => sum + moved, 0),
    byRegion: [...byRegion]
      .map(([region, perInterrupt]) => ({ region, perInterrupt }))
      .sort((a, b) => b.perInterrupt - a.perInterrupt),
    byDevices: writtenByTwo((thread) => thread > vcpus),
    byVcpus: writtenByTwo((thread) => thread > MAIN && thread <= vcpus),
  };
}

/** The name of the region that a line lies in, without numbers: those of all vCPUs count together. */
const regionOf = ({ layout }: Machine, line: number) =>
  layout.nameOf(line * LINE).replace(/\[\d+\]|(?<=\D)\d+(?=\.|$)/g, '');

const TOPOLOGIES = [
  [1, 1, 1],
  [1, 1, 16],
  [4, 4, 16],
  [16, 16, 16],
  [64, 64, 16],
  [64, 32, 64],
] as const;

export const run = (): Transfers[] =>
  (['inline', 'main'] as const).flatMap((way) =>
    TOPOLOGIES.map(([vcpus, devices, events]) => count({ vcpus, devices, events }, way)),
  );

export function format(rows: readonly Transfers[]): string {
  return table(
    ['dispatch', 'topology', 'lines moved, an interrupt', 'two devices write', 'two vCPUs write', 'of them'],
    rows.map(({ way, topology: { vcpus, devices, events }, perInterrupt, byRegion, byDevices, byVcpus }) => [
      way,
      `${vcpus}×${devices}×${events}`,
      perInterrupt.toFixed(2),
      byDevices.join(', ') || 'none',
      byVcpus.join(', ') || 'none',
      byRegion.map(({ region, perInterrupt: moved }) => `${region} ${moved.toFixed(2)}`).join(', '),
    ]),
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(format(run()));
