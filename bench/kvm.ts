import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { MSI_VALID_DEVID, type Route } from '../src/kvm/route.ts';
import type { KvmVm } from '../src/kvm-abi/kvm-vm.ts';
import { LATENCY } from '../src/measure/buckets.ts';
import { CLOCK_WORDS, startClock } from '../src/measure/clock.ts';
import type { Summary } from '../src/measure/distribution.ts';
import { Histogram, histogramWords } from '../src/measure/histogram.ts';
import { Layout } from '../src/memory/layout.ts';
import { countOperations, type OperationCount } from '../src/memory/operation-count.ts';
import { load, store, type Words } from '../src/memory/word.ts';
import { DESIGN_NAMES, type DesignName } from '../src/vmm/design.ts';
import { DESIGNS } from '../src/vmm/designs.ts';
import { bootedVm, DEVICE, DOORBELL, takeAll } from './kvm-guest.ts';
import type { InjectorData } from './kvm-injector.ts';

/** The operations of one inline injection, by design. */
export type DesignCost = { readonly design: DesignName; readonly kind: 'msi' | 'wired' } & OperationCount & {
    readonly ns: number;
  };
export type SwapCost = { readonly routes: number; readonly irqfds: number; readonly us: number };
export type KvmFigures = {
  readonly designs: readonly DesignCost[];
  readonly swaps: readonly SwapCost[];
  /** Each injection of two threads, ns: with nothing else going on, beside a busy main thread, beside swaps. */
  readonly under: Readonly<Record<Phase, Summary>>;
  readonly swapsDone: number;
};

const PHASES = ['still', 'busy', 'swapping'] as const;
type Phase = (typeof PHASES)[number];
const INJECTORS = 2;
const ROUTES = 4096;
const ROUNDS = 5;
const PHASE_MS = 300;
const INJECTIONS = 1_000_000;
const BATCHES = 20;
const SWAPS = 50;

/** A table of `count` MSI routes; GSI n leads to event n modulo `events`. */
function routesOf(count: number, events: number): Route[] {
  return Array.from({ length: count }, (_, gsi) => ({
    type: 'msi',
    gsi,
    flags: MSI_VALID_DEVID,
    address: DOORBELL,
    data: gsi % events,
    deviceId: DEVICE,
  }));
}

function designCost(design: DesignName, kind: 'msi' | 'wired'): DesignCost | undefined {
  const vm = bootedVm({ design }, 2);
  const userland = DESIGNS[design].makeUserland(vm.vm);
  const eventId = DESIGNS[design].msi === 'spi' ? 40 : 1;
  const source =
    kind === 'wired'
      ? ({ kind, pin: 5 } as const)
      : ({ kind, deviceId: DEVICE, eventId, doorbell: DOORBELL } as const);
  if (!userland.carries(source)) return undefined;
  userland.connect({ fd: 0, source });
  const { irqfds } = vm.vm;
  const round = () => {
    irqfds.write(0);
    irqfds.dispatchPending();
    if (takeAll(vm, 0) !== 1) throw new Error(`${design} lost an interrupt of kind ${kind}`);
  };
  round();
  const count = countOperations(() => irqfds.write(0));
  takeAll(vm, 0);
  // Taken each time, so that each injection latches; the cost of the take is included, and the same for all designs.
  for (let n = 0; n < INJECTIONS / 10; n++) round();
  const start = process.hrtime.bigint();
  for (let n = 0; n < INJECTIONS; n++) {
    irqfds.write(0);
    takeAll(vm, 0);
  }
  return { design, kind, ...count, ns: Number(process.hrtime.bigint() - start) / INJECTIONS };
}

function swapCost(routes: number, irqfds: number): SwapCost {
  const vm = bootedVm({ eventfds: 64 }, irqfds);
  for (let fd = 0; fd < irqfds; fd++) vm.irqfd({ fd, gsi: fd, flags: 0, resamplefd: 0 });
  const table = routesOf(routes, irqfds);
  // The fastest of some batches: others are on the machine too.
  let fastest = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < BATCHES; batch++) {
    const start = process.hrtime.bigint();
    for (let n = 0; n < SWAPS; n++) vm.vm.setGsiRouting(table);
    fastest = Math.min(fastest, Number(process.hrtime.bigint() - start) / SWAPS / 1000);
  }
  return { routes, irqfds, us: fastest };
}

async function underSwaps(): Promise<Pick<KvmFigures, 'under' | 'swapsDone'>> {
  const vm = bootedVm({ vcpus: INJECTORS, threads: 1 + INJECTORS }, INJECTORS);
  const table = routesOf(ROUTES, INJECTORS);
  vm.vm.setGsiRouting(table);
  for (let fd = 0; fd < INJECTORS; fd++) vm.irqfd({ fd, gsi: fd, flags: 0, resamplefd: 0 });
  const layout = new Layout();
  const at = {
    phase: layout.region('phase', 1),
    ready: layout.region('ready', 1),
    clock: layout.region('clock', CLOCK_WORDS),
    recorded: Array.from({ length: INJECTORS }, () =>
      PHASES.map((phase) => layout.region(phase, histogramWords(LATENCY))),
    ),
  };
  const words: Words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
  startClock(words, at.clock);
  // No thread records before the first phase.
  store(words, at.phase.at, PHASES.length);
  const workers = at.recorded.map((histograms, number) => {
    const { phase, ready, clock } = at;
    const data: InjectorData = { attachment: vm.attachment, words, phase, ready, clock, histograms, number };
    return new Worker(new URL('./kvm-injector.js', import.meta.url), { workerData: data });
  });
  const ended = Promise.all(workers.map((worker) => once(worker, 'exit')));
  let swapsDone = 0;
  try {
    const deadline = performance.now() + 10_000;
    while (load(words, at.ready.at) < INJECTORS && performance.now() < deadline) await sleep(1);
    await during(vm, 'swapping', table); // unrecorded: everything gets compiled
    for (let round = 0; round < ROUNDS; round++) {
      for (const [number, phase] of PHASES.entries()) {
        store(words, at.phase.at, number);
        swapsDone += await during(vm, phase, table);
      }
    }
  } finally {
    store(words, at.phase.at, -1);
    await ended;
  }
  const summaryOf = (phase: number) => {
    const [first, ...others] = at.recorded.map((regions) => {
      const region = regions[phase];
      if (!region) throw new Error('a phase has no histogram');
      return new Histogram(words, region, LATENCY);
    });
    const sum = first?.read();
    if (!sum) throw new Error('the benchmark lost its figures');
    for (const other of others) other.addTo(sum);
    return sum.summary();
  };
  return { under: { still: summaryOf(0), busy: summaryOf(1), swapping: summaryOf(2) }, swapsDone };
}

/** The main thread's work for a while; returns how many tables the thread has swapped. */
async function during(vm: KvmVm, phase: Phase, table: readonly Route[]): Promise<number> {
  const until = performance.now() + PHASE_MS;
  if (phase === 'still') await sleep(PHASE_MS);
  let swaps = 0;
  while (performance.now() < until) {
    if (phase === 'swapping') {
      vm.vm.setGsiRouting(table);
      vm.vm.irqfds.dispatchPending();
      swaps++;
    }
  }
  return swaps;
}

export async function run(): Promise<KvmFigures> {
  const kinds = ['msi', 'wired'] as const;
  const designs = DESIGN_NAMES.flatMap((design) => kinds.map((kind) => designCost(design, kind)));
  const swaps = [16, 256, 4096].flatMap((routes) => [1, 16].map((irqfds) => swapCost(routes, irqfds)));
  return { designs: designs.filter((cost) => cost !== undefined), swaps, ...(await underSwaps()) };
}

export function format({ designs, swaps, under, swapsDone }: KvmFigures): string {
  const perInjection = designs.map(({ design, kind, loads, stores, updates, words, lines, ns }) =>
    [
      design.padEnd(15),
      kind.padEnd(6),
      ...[loads, stores, updates, words, lines].map((n) => String(n).padStart(6)),
      ns.toFixed(0).padStart(8),
    ].join('  '),
  );
  const perSwap = swaps.map(
    ({ routes, irqfds, us }) =>
      `${String(routes).padStart(5)} routes, ${String(irqfds).padStart(2)} irqfds  ${us.toFixed(1).padStart(8)} µs`,
  );
  const each = PHASES.map((phase) => {
    const { count, p50, p99, p999, max } = under[phase];
    return `${phase.padEnd(9)}  ${String(count).padStart(9)}  p50 ${p50}  p99 ${p99}  p99.9 ${p999}  max ${max}`;
  });
  const ratio = (under.swapping.p99 ?? Number.NaN) / (under.still.p99 ?? Number.NaN);
  return [
    'One inline injection: shared operations, words, lines; ns with the interrupt taken',
    `${'design'.padEnd(15)}  ${'source'.padEnd(6)}  ${'loads  stores updates  words  lines'}        ns`,
    ...perInjection,
    '',
    'Replacing the whole table',
    ...perSwap,
    '',
    `Injections of ${INJECTORS} threads, ns each, while the main thread does nothing, spins, or swaps ${ROUTES} routes (${swapsDone} times)`,
    ...each,
    `p99 while swapping is ${ratio.toFixed(2)} times that with nothing going on (at most 3 is the aim)`,
  ].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(format(await run()));
