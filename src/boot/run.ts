import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import { ELR_EL1, ESR_EL1, FAR_EL1, VBAR_EL1 } from '../cpu/core/block.ts';
import { Deadline } from '../threads/deadline.ts';
import { silentThreads } from '../threads/silent.ts';
import { BoardVcpu } from './board-vcpu.ts';
import { type BootOptions, buildBoard } from './build.ts';
import { GuestConsole } from './console.ts';
import { Controlled, seededStrategy } from './controlled.ts';
import { Crew } from './crew.ts';
import { serveGdb } from './gdb/server.ts';
import { GdbTarget } from './gdb/target.ts';
import type { GuestBoard } from './guest-board.ts';
import { type BootResult, vcpuResults } from './result.ts';

export const SCHEDULERS = ['threads', 'controlled'] as const;
export type Scheduler = (typeof SCHEDULERS)[number];

/** Options of {@link runGuest}. */
export type RunOptions = BootOptions & {
  readonly scheduler: Scheduler;
  /** Instructions of all vCPUs together; 0 for no limit. */
  readonly limitInstructions: number;
  /** Seconds of the host; 0 for no limit. */
  readonly limitSeconds: number;
  /** Waits for a debugger on this port before the guest starts. Controlled scheduler only. */
  readonly gdbPort?: number;
  /** The mean number of instructions of a turn of the controlled scheduler. */
  readonly quantum?: number;
};

export type RunWatch = {
  /** Ends the run early. */
  readonly signal?: AbortSignal;
  /** The console's output. */
  readonly output: (bytes: Uint8Array) => void;
  /** Called when a debugger can connect. */
  readonly listening?: (port: number) => void;
  /** Called with the built board before the guest starts, to send console input or attach a debugger. */
  readonly started?: (board: GuestBoard) => void | Promise<void>;
};

const PUMP_MS = 4;
/** How long vCPUs and devices may take to end after the guest, ms. */
const LEAVE_MS = 10_000;
/** How long all vCPUs must sleep before the guest counts as halted, ms. */
const HALTED_MS = 200;
const QUANTUM = 1_000;

/**
 * Boots a guest and runs it to its end.
 * @throws IrqError `ERR_CONFIG`, `ERR_GUEST_IMAGE`, `ERR_THREAD_DIED`; `ERR_GUEST_STUCK` if a vCPU takes nothing but exceptions
 */
export async function runGuest(options: RunOptions, watch: RunWatch): Promise<BootResult> {
  const board = buildBoard(options);
  const console = new GuestConsole(board, watch.output);
  await watch.started?.(board);
  const start = performance.now();
  if (options.scheduler === 'threads') await runThreads(board, console, options, watch);
  else await runControlled(board, console, options, watch);
  const seconds = (performance.now() - start) / 1000;
  console.pump();
  return result(board, console, options, seconds);
}

async function runThreads(
  board: GuestBoard,
  console: GuestConsole,
  options: RunOptions,
  { signal }: RunWatch,
): Promise<void> {
  const crew = await Crew.start(board);
  const end = performance.now() + (options.limitSeconds || Number.POSITIVE_INFINITY) * 1000;
  const most = options.limitInstructions || Number.POSITIVE_INFINITY;
  const vcpus = Array.from({ length: board.plan.vcpus }, (_, vcpu) => new BoardVcpu(board, vcpu));
  let asleepSince = performance.now();
  const deadline = new Deadline(LEAVE_MS, () =>
    silentThreads(`the guest has ended, and not every vCPU left it within ${LEAVE_MS} ms`, crew.threads),
  );
  const timer = setInterval(() => {
    const now = performance.now();
    console.pump();
    if (!isAsleep(board)) asleepSince = now;
    const instructions =
      most === Number.POSITIVE_INFINITY ? 0 : vcpus.reduce((sum, vcpu) => sum + vcpu.instructions, 0);
    if (signal?.aborted) board.end.say('stopped');
    else if (now >= end || instructions >= most) board.end.say('limit');
    else if (now - asleepSince > HALTED_MS && !options.paced) board.end.say('halted');
    if (!board.end.hasCome) return;
    board.wakeAll();
    deadline.begin();
  }, PUMP_MS);
  try {
    await Promise.race([crew.run(), deadline.missed]);
  } finally {
    clearInterval(timer);
    deadline.end();
    await crew.close();
  }
}

/** Whether the guest cannot run again by itself: all vCPUs sleep, no timer is set, no device works. */
function isAsleep(board: GuestBoard): boolean {
  if (board.sleepers.count < board.plan.vcpus || board.devicesAreBusy) return false;
  if (board.alarm !== Number.POSITIVE_INFINITY) return false;
  for (let vcpu = 0; vcpu < board.plan.vcpus; vcpu++)
    if (board.clock.deadline(vcpu) !== Number.POSITIVE_INFINITY) return false;
  return true;
}

/** Runs the guest in pieces; between pieces the main thread does its other work. The ends of pieces do not affect the guest. */
async function runControlled(
  board: GuestBoard,
  console: GuestConsole,
  options: RunOptions,
  { signal, listening }: RunWatch,
): Promise<void> {
  const end = performance.now() + (options.limitSeconds || Number.POSITIVE_INFINITY) * 1000;
  const controlled = new Controlled(board);
  const strategy = seededStrategy(options.seed, options.quantum ?? QUANTUM);
  if (options.gdbPort !== undefined) {
    const target = new GdbTarget(board, controlled, strategy, () => console.pump());
    const goesOn = await serveGdb(target, options.gdbPort, {
      listening: (port) => listening?.(port),
      isOver: () => (signal?.aborted ?? false) || performance.now() >= end,
    });
    if (!goesOn) board.end.say(!signal?.aborted && performance.now() >= end ? 'limit' : 'stopped');
    for (const vcpu of controlled.vcpus) vcpu.options = { semihosting: board.plan.semihosting };
  }
  for (let aborted = false; !board.end.hasCome; ) {
    controlled.run(strategy, {
      instructions: options.limitInstructions || Number.POSITIVE_INFINITY,
      isOver: () => performance.now() >= end,
      look: () => console.pump(),
      pieceMs: 100,
    });
    await new Promise((resolve) => setImmediate(resolve));
    aborted ||= signal?.aborted ?? false;
    if (aborted) board.end.say('stopped');
  }
}

function result(board: GuestBoard, console: GuestConsole, options: RunOptions, seconds: number): BootResult {
  const { end } = board;
  const vcpus = vcpuResults(board);
  const kind = end.kind ?? 'stopped';
  if (kind === 'stuck') throw stuck(board);
  const byGuest = kind === 'power-off' || kind === 'reset';
  return {
    schemaVersion: 1,
    command: 'boot',
    end: kind === 'stopped' ? 'interrupted' : console.panicked && kind !== 'power-off' ? 'panic' : kind,
    exitStatus: byGuest ? end.status : null,
    instructions: vcpus.reduce((sum, { instructions }) => sum + instructions, 0),
    seconds,
    vcpus,
    console: console.figures(),
    scheduler: options.scheduler,
    seed: options.seed,
  };
}

function stuck(board: GuestBoard): IrqError {
  const vcpu: VcpuId = Math.max(0, board.end.vcpu);
  const { core, instructions } = new BoardVcpu(board, vcpu);
  const hex = (value: bigint) => `0x${value.toString(16)}`;
  return new IrqError(
    'ERR_GUEST_STUCK',
    `vCPU ${vcpu} only takes exceptions any more, after ${instructions} instructions: pc ${hex(core.pc)}, ESR_EL1 ${hex(core.state(ESR_EL1))}, ELR_EL1 ${hex(core.state(ELR_EL1))}, FAR_EL1 ${hex(core.state(FAR_EL1))}, VBAR_EL1 ${hex(core.state(VBAR_EL1))}`,
  );
}
