import { WorkerPool } from '../base/pool.ts';
import type { ApicBoard } from '../board/apic-board.ts';
import { REQUEST_EXIT } from '../board/vcpu-control.ts';
import { store } from '../memory/word.ts';
import {
  LAST_WAIT_MS,
  type Plan,
  perturbationOf,
  type StressMachine,
  type StressResult,
  type StressWatch,
  stressDetail,
  stressResult,
  stressViews,
  Tally,
  VIOLATIONS,
} from '../stress/index.ts';
import { byTheClock, Deadline } from '../threads/deadline.ts';
import { Dispatcher } from '../threads/dispatcher.ts';
import { silentThreads } from '../threads/silent.ts';
import { Thread } from '../threads/thread.ts';
import { auditApics, isAtRest } from './audit.ts';
import { type ApicStressOptions, buildApicStress, stressMachineOf } from './plan.ts';
import type { ApicRole } from './thread.ts';

const GLANCE_MS = 250;
/** How long devices and driver may take to end once they are told to; once the user has said so. */
const STOP_MS = 10_000;
const INTERRUPT_MS = 2 * LAST_WAIT_MS;
/** How long the machine may take to come to rest, how long nothing may move before a delivery is missing, and between two looks. */
const REST_MS = 30_000;
const WAKE_MS = 1_000;
const LOOK_MS = 2;

/**
 * The main job on x86: signals pins and MSIs from many threads while the entries of the IOAPIC, the routing table and the irqfds
 * change, and proves that no interrupt was lost.
 * @throws IrqError `ERR_CONFIG` for the topology; `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function runApicStress(
  options: ApicStressOptions,
  watch: StressWatch = {},
): Promise<StressResult> {
  const { board, plan } = buildApicStress(options);
  const machine = stressMachineOf(board);
  const { proof, stopAt, still } = stressViews(machine, plan);
  const tally = new Tally(machine, proof);
  const bootStart = performance.now();
  const crew = await Crew.start(board, plan, machine);
  const bootMs = performance.now() - bootStart;
  const late = (boundMs: number) => async () =>
    crew.running.size === 0
      ? undefined
      : silentThreads(`${[...crew.running].join(', ')} did not stop within ${boundMs} ms`, crew.threads);
  const deadline = new Deadline(STOP_MS, late(STOP_MS));
  const interruption = new Deadline(INTERRUPT_MS, late(INTERRUPT_MS), byTheClock);
  const stop = () => {
    store(board.words, stopAt, 1);
    deadline.begin();
  };
  const interrupt = () => {
    stop();
    interruption.begin();
  };
  const start = performance.now();
  const glances = setInterval(() => {
    tally.update();
    watch.glance?.({
      seconds: (performance.now() - start) / 1000,
      injected: tally.injected,
      delivered: tally.delivered,
      violations: VIOLATIONS.reduce((sum, kind) => sum + proof.count(kind), 0),
      detail: () => stressDetail(machine, plan, tally),
    });
  }, GLANCE_MS);
  const timer = setTimeout(stop, options.seconds * 1000);
  watch.signal?.addEventListener('abort', interrupt);
  if (watch.signal?.aborted) interrupt();
  try {
    const vcpus = crew.runVcpus();
    vcpus.catch(() => undefined);
    await Promise.race([crew.runPrograms(stop), failureOf(vcpus), deadline.missed, interruption.missed]);
    const seconds = (performance.now() - start) / 1000;
    await Promise.race([
      comeToRest(crew, machine, Math.max(WAKE_MS, still.figures.boundMs)),
      failureOf(vcpus),
    ]);
    const stuckLines = auditApics(board, plan);
    await crew.leaveGuests(vcpus);
    tally.update();
    watch.finished?.(stressDetail(machine, plan, tally));
    const interrupted = watch.signal?.aborted ?? false;
    const result = stressResult({ options, machine, plan, tally, seconds, bootMs, interrupted, stuckLines });
    const config = { ...result.config, irqchip: 'ioapic', eventsAs: 'vector' } as const;
    return { ...result, config, coverage: null };
  } finally {
    clearInterval(glances);
    clearTimeout(timer);
    deadline.end();
    interruption.end();
    watch.signal?.removeEventListener('abort', interrupt);
    stop();
    await crew.close(interruption.isMissed);
  }
}

/** Never resolves; rejects when `promise` does. */
function failureOf(promise: Promise<unknown>): Promise<never> {
  return promise.then(() => new Promise<never>(() => undefined));
}

/** Waits until every vCPU sleeps; where a signal is missing, until nothing has moved for as long as a wake-up may take. */
async function comeToRest(crew: Crew, { control }: StressMachine, wakeMs: number): Promise<void> {
  const { board, plan } = crew;
  const { proof } = stressViews(stressMachineOf(board), plan);
  const taken = () => board.apic.local.map(({ id }) => control(id).taken).join();
  const isAnyMissing = () => plan.sources.some((_, source) => !proof.isSettled(source));
  const end = performance.now() + REST_MS;
  let [before, movedAt] = ['', performance.now()];
  while (performance.now() < end) {
    const now = isAtRest(board) ? taken() : '';
    if (now === '' || now !== before) movedAt = performance.now();
    else if (!isAnyMissing() || performance.now() - movedAt > wakeMs) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw await silentThreads(`the machine did not come to rest within ${REST_MS} ms`, crew.vcpus);
}

/** The threads of a run: vCPUs, devices, the driver, and the main thread's dispatcher. Always to be closed. */
class Crew {
  readonly board: ApicBoard;
  readonly plan: Plan;
  readonly vcpus: readonly Thread[];
  readonly programs: readonly Thread[];
  /** Names of the devices and the driver that run. */
  readonly running = new Set<string>();
  readonly #pool: WorkerPool;
  readonly #dispatcher: Dispatcher;

  private constructor(board: ApicBoard, plan: Plan, machine: StressMachine) {
    const { devices, vcpus } = plan;
    const { buffer, config } = board;
    const perturbation = perturbationOf(machine, plan);
    const thread = (name: string, number: number, role: ApicRole['role'], index: number) => {
      const options: ApicRole = { config, plan, role, index };
      const program = { module: '', name: role, options };
      return Thread.start(this.#pool, 'apic', { name, buffer, thread: number, program, perturbation });
    };
    this.board = board;
    this.plan = plan;
    this.#pool = new WorkerPool(vcpus + devices + 1);
    this.#dispatcher = new Dispatcher(board.vm.irqfds, board.clock);
    this.vcpus = board.apic.local.map(({ id }) => thread(`vcpu${id}`, 1 + id, 'vcpu', id));
    this.programs = [
      ...Array.from({ length: devices }, (_, index) =>
        thread(`device${index}`, 1 + vcpus + index, 'device', index),
      ),
      thread('driver', 1 + vcpus + devices, 'driver', 0),
    ];
  }

  static async start(board: ApicBoard, plan: Plan, machine: StressMachine): Promise<Crew> {
    const crew = new Crew(board, plan, machine);
    try {
      await Promise.all(crew.threads.map((thread) => thread.boot()));
    } catch (error) {
      await crew.#pool.destroy();
      throw error;
    }
    crew.#dispatcher.start().catch(() => undefined);
    return crew;
  }

  get threads(): Thread[] {
    return [...this.vcpus, ...this.programs];
  }

  runVcpus(): Promise<unknown> {
    return Promise.all(this.vcpus.map((thread) => thread.run()));
  }

  /** Runs devices and driver; when the devices have ended, so shall the driver. A driver that fails ends the run at once. */
  async runPrograms(stop: () => void): Promise<void> {
    const runs = this.programs.map((thread) => {
      this.running.add(thread.name);
      return thread.run().finally(() => this.running.delete(thread.name));
    });
    const driver = runs.pop() ?? Promise.resolve();
    await Promise.race([Promise.all(runs), failureOf(driver)]);
    stop();
    await driver;
  }

  async leaveGuests(vcpus: Promise<unknown>): Promise<void> {
    this.#kickAll();
    await Promise.all(this.vcpus.map((thread) => thread.within('leave the guest', vcpus)));
  }

  #kickAll(): void {
    for (const { id, bell } of this.board.apic.local) {
      this.board.control(id).request(REQUEST_EXIT);
      bell.signal();
    }
  }

  /** @param byForce - where threads do not end by themselves */
  async close(byForce: boolean): Promise<void> {
    this.#kickAll();
    try {
      await this.#dispatcher.stop();
    } finally {
      if (!byForce) await Promise.all(this.threads.map((thread) => thread.close()));
      await this.#pool.destroy();
      if (byForce) for (const thread of this.threads) thread.release();
    }
  }
}
