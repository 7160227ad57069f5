import { readFileSync } from 'node:fs';
import { FIRST_LPI, FIRST_SPI, type VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import { BoardVcpu } from '../boot/board-vcpu.ts';
import { buildBoard } from '../boot/build.ts';
import { GuestConsole } from '../boot/console.ts';
import { Crew, leaveGuest } from '../boot/crew.ts';
import type { GuestBoard } from '../boot/guest-board.ts';
import type { BootTask } from '../boot/threads.ts';
import { hasIrqFd, routesOf, syntheticSources, type Topology } from '../guest/index.ts';
import { load, store } from '../memory/word.ts';
import {
  audit,
  isAtRest,
  type Plan,
  proofKind,
  type StressOptions,
  type StressResult,
  type StressWatch,
  stressDetail,
  stressDeviceProgram,
  stressResult,
  stressViews,
  Tally,
  VIOLATIONS,
} from '../stress/index.ts';
import { Deadline } from '../threads/deadline.ts';
import { silentThreads } from '../threads/silent.ts';
import { driverRegionsOf, guestStressWords } from './plan.ts';
import { provedVcpuThread } from './vcpu.ts';

/** The bare-metal guest of the package, seen from `src`. */
const BARE = new URL('../../guests/bare/bare.bin', import.meta.url);
/** The bare-metal guest seen from `dist`, which is a folder deeper. */
const BARE_FROM_DIST = new URL('../../../guests/bare/bare.bin', import.meta.url);

/** Bounds of the guest: see MAX_VCPUS, DEVICES, MOST_SOURCES and OTHER_EVENT in its source. */
const MOST_VCPUS = 16;
const MOST_DEVICES = 63;
const MOST_EVENTS = 128;
const MOST_SOURCES = 512;
const MEMORY_MIB = 16;
const SPIS = 224;
/** The guest counts SPIs from 32 on, 64 of them, behind 16 vCPUs' counts of 32 SGIs and PPIs. */
const COUNTS_SPIS = MOST_VCPUS * 32;
const COUNTED_SPIS = 64;
const COUNTS_LPIS = COUNTS_SPIS + COUNTED_SPIS;

const READY_MS = 30_000;
const REST_MS = 20_000;
/** A delivery missing for so long, ms, is lost; a busy host delays a delivery by less. */
const STRANDED_MS = 5_000;
/** How long devices may take to end after the stop, ms. */
const STOP_MS = 10_000;
const LOOK_MS = 2;
const GLANCE_MS = 250;
/** Turns of YIELD between two changes of the guest's driver. */
const REST_OF_CHURN = { none: 0, light: 2_000, heavy: 0 } as const;

/** The result of a stress run with the bare-metal guest. */
export type GuestStressResult = StressResult & {
  readonly guest: {
    readonly name: 'bare';
    readonly instructions: number;
    /** Deliveries that the guest's handlers counted, of all sources; `differing`: sources with another count than the proof's. */
    readonly counted: number;
    readonly differing: number;
  };
};

/** Options of a stress run with the bare-metal guest: the common ones, and a fault in the guest's driver. */
export type BareOptions = Omit<StressOptions, 'input' | 'lines' | 'abi' | 'trace'> & {
  readonly input: Omit<Topology, 'spis'>;
  /** The fault of the guest's driver: 0 none, 1 an affinity change without SYNC, 2 INV before the unmask. */
  readonly bug?: number;
};

/**
 * Stress with real code: the bare-metal guest boots, sets up the interrupt controller itself, takes the device threads' interrupts, and
 * meanwhile moves, masks and renames the sources. The proof is the same as without a guest.
 * @throws IrqError `ERR_CONFIG`, `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function runBareStress(
  options: BareOptions,
  watch: StressWatch = {},
): Promise<GuestStressResult> {
  const { board, plan } = build(options);
  const { machine } = board;
  const { proof, stopAt } = stressViews(machine, plan);
  const own = driverRegionsOf(machine, plan);
  const tally = new Tally(machine, proof);
  const console = new GuestConsole(board, () => undefined);
  const bootStart = performance.now();
  const crew = await Crew.start(board, castOf(plan));
  const running = new Set<string>();
  const deadline = new Deadline(STOP_MS, async () => {
    const late = [...crew.programs.values()].filter(({ name }) => running.has(name));
    const names = late.map(({ name }) => name).join(', ');
    return late.length === 0
      ? undefined
      : silentThreads(`${names} did not stop within ${STOP_MS} ms`, [...late, ...crew.vcpus]);
  });
  const stop = () => {
    store(machine.words, stopAt, 1);
    deadline.begin();
  };
  try {
    const guest = crew.run();
    guest.catch(() => undefined);
    await race(
      crew,
      guest,
      console,
      () => load(machine.words, own.ready.at) === 1,
      READY_MS,
      'set its sources up',
    );
    const bootMs = performance.now() - bootStart;
    const start = performance.now();
    const glances = setInterval(() => {
      tally.update();
      console.pump();
      const violations = VIOLATIONS.reduce((sum, kind) => sum + proof.count(kind), 0);
      watch.glance?.({
        seconds: (performance.now() - start) / 1000,
        injected: tally.injected,
        delivered: tally.delivered,
        violations,
        detail: () => stressDetail(machine, plan, tally),
      });
    }, GLANCE_MS);
    const timer = setTimeout(stop, options.seconds * 1000);
    watch.signal?.addEventListener('abort', stop);
    if (watch.signal?.aborted) stop();
    try {
      const devices = [...crew.programs].map(([name, thread]) => {
        running.add(name);
        return thread.run().finally(() => running.delete(name));
      });
      await Promise.race([Promise.all(devices), failure(guest, board, console), deadline.missed]);
    } finally {
      clearInterval(glances);
      clearTimeout(timer);
      watch.signal?.removeEventListener('abort', stop);
      stop();
    }
    const seconds = (performance.now() - start) / 1000;
    await race(
      crew,
      guest,
      console,
      restLooker(board, plan, { readyAt: own.ready.at, isQuiet: options.churn === 'none' }),
      REST_MS,
      'come to rest',
    );
    const stuckLines = audit(machine, plan);
    tally.update();
    watch.finished?.(stressDetail(machine, plan, tally));
    const interrupted = watch.signal?.aborted ?? false;
    board.end.say('stopped');
    board.wakeAll();
    const runs = await leaveGuest(crew, guest);
    const result = stressResult({
      options: { ...options, lines: 'irq-line', abi: 'merged' },
      machine,
      plan,
      tally,
      seconds,
      bootMs,
      interrupted,
      stuckLines,
    });
    const instructions = runs.reduce((sum, run) => sum + run.instructions, 0);
    return {
      ...result,
      coverage: null,
      guest: { name: 'bare', instructions, ...compareCounts(board, plan) },
    };
  } finally {
    stop();
    deadline.end();
    await crew.close();
  }
}

function build(options: BareOptions): { board: GuestBoard; plan: Plan } {
  const { input, spis, churn, seed, iterations, dispatch, fault } = options;
  const within = (name: string, value: number, most: number) => {
    if (value > most)
      throw new IrqError('ERR_CONFIG', `the bare-metal guest has room for ${most} ${name}, not ${value}`);
  };
  within('vCPUs', input.vcpus, MOST_VCPUS);
  within('devices', input.devices, MOST_DEVICES);
  within('events of a device', input.events, MOST_EVENTS);
  within('wires', spis, COUNTED_SPIS);
  within('sources', input.devices * input.events + spis, MOST_SOURCES);
  // Uses the highest of the 64 SPIs that the guest counts; the lower ones are the board's own.
  const sources = syntheticSources({ ...input, spis }, COUNTED_SPIS).map((source) =>
    source.kind === 'msi' ? { ...source, gsi: source.gsi - COUNTED_SPIS + SPIS } : source,
  );
  const none = { first: 0, end: 0 };
  const plan: Plan = {
    sources,
    devices: input.devices,
    vcpus: input.vcpus,
    churn,
    seed,
    iterations,
    spareLpis: none,
    spareSpis: none,
    eventBits: [],
    collections: [],
    configTable: 0,
    slices: 0,
  };
  const bug = options.bug === undefined ? '' : ` bug=${options.bug}`;
  const board = buildBoard({
    kernel: readBare(),
    append: `stress seed=${seed} rest=${REST_OF_CHURN[churn]}${churn === 'none' ? ' still' : ''}${bug}`,
    vcpus: input.vcpus,
    memoryMiB: MEMORY_MIB,
    devices: [],
    clock: 'virtual',
    seed,
    dispatch: dispatch === 'both' ? 'main' : dispatch,
    fault,
    before: guestStressWords(plan),
    more: {
      eventfds: sources.length,
      devices: input.devices,
      events: 2 * sources.length,
      threads: input.devices,
    },
  });
  const { machine } = board;
  const { proof } = stressViews(machine, plan);
  const own = driverRegionsOf(machine, plan);
  machine.vm.setGsiRouting(routesOf(machine.config, sources));
  for (const [index, source] of sources.entries()) {
    proof.place(index, proofKind(source.kind), source.intid, source.vcpu);
    store(machine.words, own.events.at + index, source.eventId);
    if (hasIrqFd(source)) machine.vm.assignIrqFd(source.fd, source.gsi);
  }
  return { board, plan };
}

function castOf(plan: Plan) {
  return {
    vcpu: (task: BootTask) => provedVcpuThread({ ...task, stress: plan }),
    programs: Object.fromEntries(
      Array.from({ length: plan.devices }, (_, index) => [
        `device${index}`,
        stressDeviceProgram({ plan, device: index }),
      ]),
    ),
  };
}

/**
 * Returns a check whether the run is at rest: no count has changed since the last call, and the guest's driver has finished. If a
 * delivery is missing, the driver may wait for it: then the run is at rest after {@link STRANDED_MS} without a change.
 */
function restLooker(
  board: GuestBoard,
  plan: Plan,
  { readyAt, isQuiet }: { readonly readyAt: number; readonly isQuiet: boolean },
): () => boolean {
  const { machine } = board;
  const { proof } = stressViews(machine, plan);
  const vcpus = Array.from({ length: plan.vcpus }, (_, vcpu): VcpuId => vcpu);
  const isAnyMissing = () =>
    plan.sources.some((_, source) => !proof.isSettled(source)) || vcpus.some((vcpu) => board.isCalled(vcpu));
  let [before, rested, movedAt] = ['', false, performance.now()];
  return () => {
    const taken = vcpus.map((vcpu) => machine.control(vcpu).taken).join();
    const rests = isAtRest(machine);
    const still = rests && rested && taken === before;
    if (taken !== before) movedAt = performance.now();
    [before, rested] = [taken, rests];
    // A driver without changes sleeps; only an interrupt, which may never come, would show it that the run is over.
    if (still && (load(machine.words, readyAt) === 0 || (isQuiet && !isAnyMissing()))) return true;
    return still && performance.now() - movedAt > STRANDED_MS && isAnyMissing();
  };
}

/** Waits until `done`, within a bound. An end of the guest meanwhile is an error with the last lines of its console. */
async function race(
  crew: Crew,
  guest: Promise<unknown>,
  console: GuestConsole,
  done: () => boolean,
  boundMs: number,
  what: string,
): Promise<void> {
  const { board } = crew;
  const until = performance.now() + boundMs;
  const ended = failure(guest, board, console);
  ended.catch(() => undefined);
  while (!done()) {
    if (performance.now() > until)
      throw await silentThreads(
        `the guest did not ${what} within ${boundMs} ms${told(board, console)}`,
        crew.vcpus,
      );
    await Promise.race([new Promise((resolve) => setTimeout(resolve, LOOK_MS)), ended]);
  }
}

/** Rejects when the guest ends, which the run has not requested. */
async function failure(guest: Promise<unknown>, board: GuestBoard, console: GuestConsole): Promise<never> {
  await guest;
  throw new IrqError(
    'ERR_THREAD_DIED',
    `the guest ended (${board.end.kind}) in the midst of the run${told(board, console)}`,
  );
}

function told(board: GuestBoard, console: GuestConsole): string {
  console.pump();
  const pcs = Array.from(
    { length: board.plan.vcpus },
    (_, vcpu) => `vCPU ${vcpu} at pc 0x${new BoardVcpu(board, vcpu).core.pc.toString(16)}`,
  );
  return `; ${pcs.join(', ')}; its console ends with:\n${console.last.join('\n')}`;
}

/** Compares the guest's counts, read from its memory, with the proof's. */
function compareCounts(board: GuestBoard, plan: Plan): { counted: number; differing: number } {
  const { machine } = board;
  const { proof } = stressViews(machine, plan);
  const own = driverRegionsOf(machine, plan);
  const at =
    (load(machine.words, own.counts.at + 1) >>> 0) * 2 ** 32 + (load(machine.words, own.counts.at) >>> 0);
  const word = (index: number) => machine.memory.word(at + 4 * index) >>> 0;
  let [counted, differing] = [0, 0];
  for (const [index, { kind, intid }] of plan.sources.entries()) {
    const lpi = intid - FIRST_LPI;
    const count =
      kind === 'msi'
        ? (word(COUNTS_LPIS + lpi) + word(COUNTS_LPIS + (lpi ^ OTHER_LPI))) >>> 0
        : word(COUNTS_SPIS + intid - FIRST_SPI);
    counted += count;
    if (count !== proof.deliveries(index) >>> 0) differing++;
  }
  return { counted, differing };
}

/** The LPI of a source's other event. */
const OTHER_LPI = 512;

function readBare(): Uint8Array {
  return readFileSync(import.meta.url.endsWith('.ts') ? BARE : BARE_FROM_DIST);
}
