import { cpuUsage } from 'node:process';
import { pathToFileURL } from 'node:url';
import { Machine } from '../src/board/machine.ts';
import { routesOf } from '../src/guest/source.ts';
import { bootSynthetic, syntheticConfig, syntheticSources, type Topology } from '../src/guest/topology.ts';
import type { Summary } from '../src/measure/distribution.ts';
import { table } from '../src/report/table.ts';
import { rate, size, time } from '../src/report/units.ts';
import { type Cast, Harness } from '../src/threads/harness.ts';
import {
  BENCH_WORDS,
  type HeapFigures,
  PROGRAMS,
  type RateFigures,
  type TripFigures,
  type TripOptions,
} from './machine-programs.ts';

export type Trip = { readonly name: string; readonly trip: Summary; readonly bare: Summary };
export type Rate = {
  readonly name: string;
  readonly injectedPerSecond: number;
  readonly deliveredPerSecond: number;
};
export type MachineFigures = {
  readonly trips: readonly Trip[];
  readonly rates: readonly Rate[];
  readonly heap: HeapFigures & { readonly vcpuGrownBytes?: number };
  readonly large: {
    readonly vcpus: number;
    readonly lpis: number;
    readonly sharedBytes: number;
    readonly bootMs: number;
    readonly idleCpu: number;
  };
};

const SPINNING = { blocks: 100, rounds: 2_000 };
const PARKED = { blocks: 25, rounds: 200 };
const RATE_MS = 1_500;
const HEAP_SIGNALS = 10_000_000;
/** Published for KVM with the LPI translation cache: `vgic_lpi_stress -v 1 -d 1 -e 1` on an arm64 server. */
export const KVM_PER_SECOND = 2.06e6;

/** A machine whose first `events` eventfds are irqfds of as many LPIs of vCPU 0. */
function build(topology: Topology, haltPollNs: number, otherThreads: number): Machine {
  const config = {
    ...syntheticConfig(topology),
    dispatch: 'inline' as const,
    haltPollNs,
    otherThreads,
    scenarioWords: BENCH_WORDS,
  };
  const machine = Machine.create(config);
  const sources = syntheticSources(topology, config.spis);
  bootSynthetic(machine, topology, sources);
  machine.vm.setGsiRouting(routesOf(config, sources));
  for (const { fd, gsi } of sources) machine.vm.assignIrqFd(fd, gsi);
  return machine;
}

/** Runs a cast on a machine until its programs have ended; returns the results of the programs. */
async function perform(machine: Machine, cast: Cast): Promise<unknown[]> {
  const harness = await Harness.boot(machine, cast);
  try {
    const vcpus = harness.runVcpus();
    const results = await Promise.all([...harness.programs.values()].map((thread) => thread.run()));
    harness.kickAll();
    await vcpus;
    return results;
  } finally {
    await harness.close();
  }
}

const ONE: Topology = { vcpus: 1, devices: 1, events: 1, spis: 0 };

async function trip(name: string, parked: boolean): Promise<Trip> {
  const options: TripOptions = { ...(parked ? PARKED : SPINNING), parked };
  const [figures] = (await perform(build(ONE, parked ? 0 : 1e9, 1), {
    guest: PROGRAMS.replyingGuest(options),
    programs: { device: PROGRAMS.roundTrips(options) },
  })) as TripFigures[];
  if (!figures) throw new Error('the benchmark lost its figures');
  return { name, trip: figures.through, bare: figures.bare };
}

export async function floodRate(events: number): Promise<Rate> {
  const machine = build({ ...ONE, events }, 200_000, 1);
  const harness = await Harness.boot(machine, {
    guest: PROGRAMS.quietGuest({}),
    programs: { device: PROGRAMS.flood({ milliseconds: RATE_MS, events, burst: 1024 }) },
  });
  try {
    const vcpus = harness.runVcpus();
    const [device] = [...harness.programs.values()];
    const before = machine.control(0).taken;
    const start = performance.now();
    if (!device) throw new Error('the benchmark has no device');
    const { injected, seconds } = (await device.run()) as RateFigures;
    // The vCPU's count runs over the warm-up too, so the count is divided by its own time.
    const delivered = (machine.control(0).taken - before) | 0;
    const deliveredPerSecond = delivered / ((performance.now() - start) / 1000);
    harness.kickAll();
    await vcpus;
    return { name: `-v 1 -d 1 -e ${events}`, injectedPerSecond: injected / seconds, deliveredPerSecond };
  } finally {
    await harness.close();
  }
}

/** A round trip of two polling threads, and of two bare words between them. */
export function pollingTrip(): Promise<Trip> {
  return trip('both polling', false);
}

async function heap(): Promise<HeapFigures> {
  const [figures] = (await perform(build(ONE, 200_000, 1), {
    guest: PROGRAMS.quietGuest({}),
    programs: { device: PROGRAMS.floodOnHeap({ signals: HEAP_SIGNALS }) },
  })) as HeapFigures[];
  if (!figures) throw new Error('the benchmark lost its figures');
  return figures;
}

async function large(): Promise<MachineFigures['large']> {
  const vcpus = 32;
  const lpis = 8192;
  // As many LPIs as GSIs cannot name: they are mapped, and would be signalled by KVM_SIGNAL_MSI.
  const topology = { vcpus, devices: 8, events: 256, spis: 0 };
  const config = {
    ...syntheticConfig(topology),
    events: lpis,
    devices: 64,
    eventfds: 4064,
    otherThreads: 1,
    scenarioWords: BENCH_WORDS,
  };
  const machine = Machine.create(config);
  const start = performance.now();
  const harness = await Harness.boot(machine, { guest: PROGRAMS.quietGuest({}), programs: {} });
  const bootMs = performance.now() - start;
  try {
    const run = harness.runVcpus();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = cpuUsage();
    const idleStart = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const { user, system } = cpuUsage(before);
    const idleCpu = (user + system) / 1000 / (performance.now() - idleStart);
    harness.kickAll();
    await run;
    return { vcpus, lpis, sharedBytes: machine.buffer.byteLength, bootMs, idleCpu };
  } finally {
    await harness.close();
  }
}

export async function run(): Promise<MachineFigures> {
  return {
    trips: [await trip('both polling', false), await trip('both parked', true)],
    rates: [await floodRate(1), await floodRate(16)],
    heap: await heap(),
    large: await large(),
  };
}

export function format({
  trips,
  rates,
  heap: { signals, grownBytes },
  large: { vcpus, lpis, sharedBytes, bootMs, idleCpu },
}: MachineFigures): string {
  return [
    'device → irqfd → LPI → handler → reply, inline, beside two bare words between the same two threads:',
    table(
      ['round trip', 'p50', 'p99', 'bare p50', 'ratio of p50'],
      trips.map(({ name, trip: through, bare }) => [
        name,
        time(through.p50),
        time(through.p99),
        time(bare.p50),
        ((through.p50 ?? 0) / (bare.p50 ?? 1)).toFixed(2),
      ]),
    ),
    '',
    'one device thread that never waits, one vCPU, inline:',
    table(
      ['topology', 'injected', 'delivered', "injected, of KVM's published 2.06 M/s"],
      rates.map(({ name, injectedPerSecond, deliveredPerSecond }) => [
        name,
        rate(injectedPerSecond),
        rate(deliveredPerSecond),
        (injectedPerSecond / KVM_PER_SECOND).toFixed(2),
      ]),
    ),
    '',
    `heap of the device's thread over ${signals.toLocaleString('en-US')} injections: ${grownBytes >= 0 ? 'grew by' : 'shrank by'} ${size(Math.abs(grownBytes))}`,
    `${vcpus} vCPUs, ${lpis} LPIs: ${size(sharedBytes)} shared, booted in ${time(bootMs * 1e6)}, idle at ${(idleCpu * 100).toFixed(1)} % of one core`,
  ].join('\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(format(await run()));
