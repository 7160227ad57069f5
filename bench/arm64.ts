import { readFileSync } from 'node:fs';
import { cpuUsage, env } from 'node:process';
import { type RunOptions, runGuest } from '../src/boot/run.ts';
import { BLOCK_BYTES, Core, CoreSnapshot, sharedMemory } from '../src/cpu/index.ts';
import { table } from '../src/report/table.ts';
import { count, rate, time } from '../src/report/units.ts';
import { boardDecisions } from './arm64-decisions.ts';
import { type ArmLatencies, armLatencies, type LatencyFigures } from './arm64-latency.ts';
import {
  linuxFigures,
  type ScheduleFigures,
  type StrategyFigures,
  scheduleFigures,
} from './arm64-schedules.ts';

const RAM_BASE = 0x4000_0000;
const RAM_BYTES = 32 * 2 ** 20;
const FIRST_BLOCK = 64;
const CORES = 4;

/** add, eor with a shift, and, add, subs, b.ne: no memory. */
const INTEGER = [0x8b01_0000, 0xca01_0c02, 0x8a00_0043, 0x8b03_0084, 0xf100_0421, 0x54ff_ff61];
/** add, eor, str, ldr, add, subs, b.ne. */
const MEMORY = [0x8b01_0000, 0xca01_0c02, 0xf900_00a2, 0xf940_00a3, 0x8b03_0084, 0xf100_0421, 0x54ff_ff41];
/** Stores 64 bytes apart over 8 MiB: str, add, and, add, b. */
const DIRTYING = [0xf900_0041, 0x9101_0063, 0x9240_5463, 0x8b05_0062, 0x17ff_fffc];

const INSTRUCTIONS = 50_000_000;
const DECISIONS = 2_000_000;
const RESTORES = 50;
const DIRTY_INSTRUCTIONS = 100_000;
const CALIBRATION = 100_000_000;
const BEST_OF = 5;

type BootFigures = {
  readonly cpuSeconds: number;
  readonly instructions: number;
};

export type Arm64Figures = {
  /** Ns of one step of a dependent chain of multiply and add in JavaScript: the speed of the host in this run. */
  readonly calibrationNs: number;
  readonly integerMips: number;
  readonly memoryMips: number;
  /** Runs of one instruction each, of 4 vCPUs by a random choice: of cores alone, and of a whole board's scheduler. */
  readonly decisionsPerSecond: number;
  readonly boardDecisionsPerSecond: number;
  readonly latency: ArmLatencies;
  readonly restore: { readonly ns: number; readonly pages: number };
  /** Of whole guests, with interrupt controller and devices. */
  readonly guest: ScheduleFigures;
  /** Of the kernel that IRQLOOM_KERNEL names, on one vCPU, until the kernel looks for its init. */
  readonly boot?: BootFigures;
  /** Of that kernel with the modules of IRQLOOM_MODULES. */
  readonly linux?: ScheduleFigures;
};

/** CPU seconds of `work`, the least of some runs. */
function cpuSeconds(work: () => void, runs = BEST_OF): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const before = cpuUsage();
    work();
    const { user, system } = cpuUsage(before);
    best = Math.min(best, (user + system) / 1e6);
  }
  return best;
}

function chain(steps: number): number {
  let value = 0;
  for (let step = 0; step < steps; step++) value = (Math.imul(value, 5) + step) | 0;
  return value;
}

class Guest {
  readonly cores: readonly Core[];
  readonly snapshot: () => CoreSnapshot;

  constructor(words: readonly number[]) {
    const ramAt = Math.ceil((FIRST_BLOCK + CORES * BLOCK_BYTES) / 65_536) * 65_536;
    const dirtyPagesAt = ramAt + RAM_BYTES;
    const memory = sharedMemory(dirtyPagesAt + RAM_BYTES / 4096);
    const ram = new DataView(memory.buffer, ramAt);
    for (const [index, word] of words.entries()) ram.setUint32(index * 4, word, true);
    const blocksAt = Array.from({ length: CORES }, (_, index) => FIRST_BLOCK + index * BLOCK_BYTES);
    this.cores = blocksAt.map((at, affinity) => {
      const core = new Core({
        ...{ memory, at, lockAt: 0, ramAt, ramBase: RAM_BASE, ramSize: RAM_BYTES, dirtyPagesAt },
        bus: { read: () => undefined, write: () => false },
        systemRegisters: { read: () => undefined, write: () => false },
        hypercall: () => {},
      });
      core.reset({ pc: BigInt(RAM_BASE), x0: 0n, affinity });
      core.setX(1, 1n << 60n);
      core.setX(2, BigInt(RAM_BASE + 0x10_0000));
      core.setX(5, BigInt(RAM_BASE + 0x10_0000));
      return core;
    });
    const places = { ramAt, ramSize: RAM_BYTES, blocksAt, dirtyPagesAt };
    this.snapshot = () => new CoreSnapshot(memory.buffer, places, this.cores);
  }
}

function mips(words: readonly number[]): number {
  const [core] = new Guest(words).cores;
  return INSTRUCTIONS / 1e6 / cpuSeconds(() => core?.run(INSTRUCTIONS));
}

function decisions(): number {
  const { cores } = new Guest(MEMORY);
  let state = 1;
  const seconds = cpuSeconds(() => {
    for (let decision = 0; decision < DECISIONS; decision++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      cores[state & (CORES - 1)]?.run(1);
    }
  });
  return DECISIONS / seconds;
}

function restore(): Arm64Figures['restore'] {
  const guest = new Guest(DIRTYING);
  const snapshot = guest.snapshot();
  let pages = 0;
  let ns = Number.POSITIVE_INFINITY;
  for (let round = 0; round < RESTORES; round++) {
    guest.cores[0]?.run(DIRTY_INSTRUCTIONS);
    const start = process.hrtime.bigint();
    pages = snapshot.restore();
    ns = Math.min(ns, Number(process.hrtime.bigint() - start));
  }
  return { ns, pages };
}

async function boot(path: string): Promise<BootFigures> {
  const stop = new AbortController();
  const before = cpuUsage();
  let console = '';
  const options: RunOptions = {
    kernel: readFileSync(path),
    append: 'console=ttyAMA0 cryptomgr.notests=1',
    vcpus: 1,
    memoryMiB: 512,
    devices: [],
    clock: 'virtual',
    seed: 1,
    scheduler: 'controlled',
    quantum: 10_000,
    limitInstructions: 0,
    limitSeconds: 300,
  };
  const result = await runGuest(options, {
    signal: stop.signal,
    output: (bytes) => {
      console += Buffer.from(bytes).toString('latin1');
      if (/Run \/init|Unable to mount root/.test(console)) stop.abort();
    },
  });
  const { user, system } = cpuUsage(before);
  return {
    cpuSeconds: (user + system) / 1e6,
    instructions: result.instructions,
  };
}

export async function run(): Promise<Arm64Figures> {
  chain(CALIBRATION / 100);
  const { IRQLOOM_KERNEL: kernel, IRQLOOM_MODULES: modules } = env;
  return {
    calibrationNs: (cpuSeconds(() => chain(CALIBRATION)) * 1e9) / CALIBRATION,
    integerMips: mips(INTEGER),
    memoryMips: mips(MEMORY),
    decisionsPerSecond: decisions(),
    boardDecisionsPerSecond: boardDecisions(),
    latency: await armLatencies(),
    restore: restore(),
    guest: scheduleFigures(),
    ...(kernel ? { boot: await boot(kernel) } : {}),
    ...(kernel && modules ? { linux: linuxFigures({ kernel, modules }) } : {}),
  };
}

export function format(figures: Arm64Figures): string {
  const { calibrationNs, integerMips, memoryMips, decisionsPerSecond, restore, guest, boot } = figures;
  const { boardDecisionsPerSecond, latency } = figures;
  const perStep = (million: number) => ((million * calibrationNs) / 1000).toFixed(3);
  const rows = [
    ['integer loop', `${integerMips.toFixed(0)} MIPS`, perStep(integerMips)],
    ['loop with a load and a store', `${memoryMips.toFixed(0)} MIPS`, perStep(memoryMips)],
    ['quantum 1, 4 cores', `${rate(decisionsPerSecond)} decisions`, perStep(decisionsPerSecond / 1e6)],
    [
      'quantum 1, 4 vCPUs of a board',
      `${rate(boardDecisionsPerSecond)} decisions`,
      perStep(boardDecisionsPerSecond / 1e6),
    ],
    [`restore of ${count(restore.pages)} pages`, time(restore.ns), '-'],
    [`restore of the bare guest, ${count(guest.restore.pages)} pages`, time(guest.restore.ns), '-'],
    ...guest.schedules.map((each) => scheduleRow('schedules of the bare guest,', each)),
    ...(figures.linux?.schedules ?? []).map((each) => scheduleRow('schedules of Linux,', each)),
  ];
  if (figures.linux) {
    const { pages, ns } = figures.linux.restore;
    rows.push([`restore of Linux, ${count(pages)} pages`, time(ns), '-']);
  }
  if (boot) {
    const million = boot.instructions / 1e6 / boot.cpuSeconds;
    rows.push([
      `Linux, ${boot.cpuSeconds.toFixed(2)} s of CPU`,
      `${million.toFixed(0)} MIPS`,
      perStep(million),
    ]);
  }
  const latencies = table(
    ['least, median, 99th percentile', 'signal to handler', 'request to handler'],
    [
      latencyRow('irqloom, threads', latency.irqloom),
      ...(latency.qemu ? [latencyRow('QEMU, MTTCG', latency.qemu)] : []),
    ],
  );
  const calibration = `calibration: ${calibrationNs.toFixed(3)} ns a step of a multiply-add chain`;
  const hint = figures.linux
    ? ''
    : '\nIRQLOOM_KERNEL=<an arm64 Image> boots Linux too; IRQLOOM_MODULES=<its /lib/modules/VERSION> explores it';
  return `${calibration}\n${table(['core', 'figure', 'a step'], rows)}${hint}\n\n${latencies}`;
}

function scheduleRow(what: string, { strategy, perSecond, instructions, turns }: StrategyFigures): string[] {
  const size = `${count(Math.round(instructions))} instructions, ${count(Math.round(turns))} turns`;
  return [`${what} ${size}: ${strategy}`, `${count(Math.round(perSecond))}/s`, '-'];
}

function latencyRow(name: string, { fromSignal, fromRequest }: LatencyFigures): string[] {
  return [name, ...[fromSignal, fromRequest].map((spread) => spread.map((ns) => time(ns)).join(', '))];
}
