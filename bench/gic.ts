import { pathToFileURL } from 'node:url';
import { FIRST_LPI } from '../src/arch/intid.ts';
import { gicd } from '../src/arch/registers.ts';
import { createBoard } from '../src/board/board.ts';
import { DEFAULT_CONFIG } from '../src/board/config.ts';
import type { CpuInterface } from '../src/gic/cpu-interface.ts';
import type { Gic } from '../src/gic/gic.ts';
import { type Cost, formatCosts, measureCost } from './measure-cost.ts';

/** The cost of a vCPU's take of one interrupt, and of its end, with so many others waiting. */
export type WaitingCost = {
  readonly waiting: number;
  /** All of one priority, as guests have them. */
  readonly samePriorityNs: number;
  /** The waiting interrupts have different priorities, and the most urgent one has the highest number. */
  readonly mixedPriorityNs: number;
};

export type GicFigures = {
  readonly paths: readonly Cost[];
  readonly waiting: readonly WaitingCost[];
};

const TIMES = 2_000_000;
const WAITING_TIMES = 200_000;
const WAITING = [1, 16, 256, 1024, 4096];
const VCPUS = 4;

/** A turned-on interrupt controller of KVM's kind; SPI 32 is edge-triggered, SPI 33 level-triggered. */
function makeGic(): Gic {
  const { gic } = createBoard({
    ...DEFAULT_CONFIG,
    vcpus: VCPUS,
    devices: 1,
    events: 1,
    eventfds: 1,
    memory: [{ base: 0, bytes: 4096 }],
  });
  gic.distributor.write(gicd.CTLR, 4, 2n);
  gic.distributor.write(gicd.ISENABLER + 4, 4, 3n);
  gic.distributor.write(gicd.IPRIORITYR + 0x20, 4, 0xa0a0n);
  gic.distributor.write(gicd.ICFGR + 8, 4, 2n);
  for (const cpu of gic.cpuInterfaces) {
    cpu.priorityMask = 0xf0;
    cpu.groupEnable1 = true;
  }
  return gic;
}

function mapLpi(gic: Gic, lpi: number, priority = 0xa0): void {
  gic.lpis.map(lpi);
  gic.lpis.configure(lpi, priority | 1);
  gic.lpis.retarget(lpi, 0);
}

/** Takes one interrupt and ends the interrupt; returns how many there were: 1 or 0. */
function serve(cpu: CpuInterface): number {
  const intid = cpu.acknowledge();
  if (intid === 1023) return 0;
  cpu.endOfInterrupt(intid);
  return 1;
}

/** Fails loudly where a benchmark has measured nothing. */
function must(served: number, times: number): void {
  if (served !== times) throw new Error(`${served} of ${times} interrupts were served`);
}

async function measurePaths(): Promise<Cost[]> {
  const gic = makeGic();
  const cpu = gic.cpuInterface(0);
  mapLpi(gic, FIRST_LPI);
  return [
    await measureCost('an LPI: latch, acknowledge, end', TIMES, (n) => {
      let served = 0;
      for (let i = 0; i < n; i++) {
        gic.lpis.latch(FIRST_LPI);
        served += serve(cpu);
      }
      must(served, n);
    }),
    await measureCost('an edge: wire, acknowledge, end', TIMES, (n) => {
      let served = 0;
      for (let i = 0; i < n; i++) {
        gic.wires.drive(32, true);
        served += serve(cpu);
      }
      must(served, n);
    }),
    await measureCost('a level: wire up, acknowledge, down, end', TIMES, (n) => {
      for (let i = 0; i < n; i++) {
        gic.wires.drive(33, true);
        const intid = cpu.acknowledge();
        gic.wires.drive(33, false);
        cpu.endOfInterrupt(intid);
      }
      must(serve(cpu), 0);
    }),
    await measureCost('an LPI that is latched already', TIMES, (n) => {
      for (let i = 0; i < n; i++) gic.lpis.latch(FIRST_LPI);
      serve(cpu);
    }),
    await measureCost('acknowledge with nothing pending', TIMES, (n) => {
      let served = 0;
      for (let i = 0; i < n; i++) served += serve(cpu);
      must(served, 0);
    }),
    await measureCost('read of GICD_TYPER', TIMES, (n) => {
      for (let i = 0; i < n; i++) gic.distributor.read(gicd.TYPER, 4);
    }),
    await measureCost('write of GICD_ISENABLER1', TIMES / 10, (n) => {
      for (let i = 0; i < n; i++) gic.distributor.write(gicd.ISENABLER + 4, 4, 3n);
    }),
  ];
}

/** ns to make one interrupt pending, take and end the interrupt, with `waiting - 1` others listed behind. */
async function measureWaiting(waiting: number, priorityOf: (index: number) => number): Promise<number> {
  const gic = makeGic();
  const cpu = gic.cpuInterface(0);
  for (let index = 0; index < waiting; index++) mapLpi(gic, FIRST_LPI + index, priorityOf(index));
  const times = Math.max(1000, Math.floor(WAITING_TIMES / waiting));
  const { nsEach } = await measureCost('', times, (n) => {
    for (let index = 0; index < waiting; index++) gic.lpis.latch(FIRST_LPI + index);
    for (let i = 0; i < n; i++) gic.lpis.latch(cpu.acknowledge() + endOf(cpu));
  });
  return nsEach;
}

/** Ends the interrupt at the top priority; an LPI needs no more. Returns 0, to be added. */
function endOf(cpu: CpuInterface): number {
  cpu.endOfInterrupt(FIRST_LPI);
  return 0;
}

/** Costs on one thread, without contention: the paths' own work, without the cost of moving cache lines. About 15 s. */
export async function run(): Promise<GicFigures> {
  const paths = await measurePaths();
  const waiting: WaitingCost[] = [];
  for (const count of WAITING) {
    waiting.push({
      waiting: count,
      samePriorityNs: await measureWaiting(count, () => 0xa0),
      mixedPriorityNs: await measureWaiting(count, (index) =>
        index === count - 1 ? 0x80 : 0x90 + 8 * (index % 4),
      ),
    });
  }
  return { paths, waiting };
}

export function format({ paths, waiting }: GicFigures): string {
  return [
    formatCosts(paths),
    '',
    'latch, acknowledge, end, while others wait     same priority  mixed priorities',
    ...waiting.map(
      ({ waiting, samePriorityNs, mixedPriorityNs }) =>
        `${String(waiting).padStart(44)} ${samePriorityNs.toFixed(0).padStart(12)} ns ${mixedPriorityNs.toFixed(0).padStart(14)} ns`,
    ),
  ].join('\n');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(format(await run()));
