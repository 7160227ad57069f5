import { cpuUsage } from 'node:process';
import { buildBoard } from '../src/boot/build.ts';
import { Controlled, seededStrategy } from '../src/boot/controlled.ts';

/**
 * vCPU 0 turns three others on (PSCI CPU_ON); then each adds, stores to a page of its own and loads: add, eor, str, ldr, add, b.
 */
const FOUR_VCPUS = [
  ...[0xd280_0033, 0xd280_0060, 0xf2b8_8000, 0xaa13_03e1, 0x1000_00e2, 0xaa13_03e3, 0xd400_0002],
  ...[0x9100_0673, 0xf100_127f, 0x54ff_ff01, 0xd280_0000],
  ...[0xd2a8_0605, 0x8b00_30a5],
  ...[0x8b01_0000, 0xca02_0c02, 0xf900_00a2, 0xf940_00a3, 0x8b03_0084, 0x17ff_fffb],
];
const VCPUS = 4;
const DECISIONS = 4_000_000;
const BEST_OF = 3;

/** Steps of one instruction a second of CPU, of a controlled board with interrupt controller, timers and clock: the best of some runs. */
export function boardDecisions(): number {
  return Math.max(...Array.from({ length: BEST_OF }, once));
}

function once(): number {
  const board = buildBoard({
    kernel: new Uint8Array(Uint32Array.from(FOUR_VCPUS).buffer),
    ...{ append: '', vcpus: VCPUS, memoryMiB: 16, devices: [], clock: 'virtual', seed: 1 },
  });
  const controlled = new Controlled(board);
  const strategy = seededStrategy(1, 1);
  const before = cpuUsage();
  controlled.run(strategy, {
    ...{ instructions: DECISIONS, pieceMs: Number.POSITIVE_INFINITY },
    ...{ isOver: () => false, look: () => undefined },
  });
  const { user, system } = cpuUsage(before);
  return DECISIONS / ((user + system) / 1e6);
}
