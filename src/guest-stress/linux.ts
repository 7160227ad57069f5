import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Fault } from '../board/config.ts';
import { buildBoard } from '../boot/build.ts';
import { GuestConsole } from '../boot/console.ts';
import { Crew, leaveGuest } from '../boot/crew.ts';
import type { GuestBoard } from '../boot/guest-board.ts';
import { placesOf, stuckError } from '../boot/stuck.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { Headway } from './headway.ts';
import { type LinuxFiles, linuxGuest } from './linux-guest.ts';
import { type LinuxFigures, LinuxLines } from './linux-lines.ts';

export type LinuxStressOptions = LinuxFiles & {
  readonly vcpus: number;
  /** How long the guest's drivers work after its boot, s. */
  readonly seconds: number;
  readonly dispatch: Dispatch;
  readonly fault: Fault;
  readonly seed: number;
};

export type LinuxStressWatch = {
  readonly signal?: AbortSignal;
  /** Receives the guest's console output. */
  readonly output: (bytes: Uint8Array) => void;
  /** Called a few times a second after the boot. */
  readonly glance?: (glance: { readonly seconds: number; readonly signals: number }) => void;
};

/** A device's signals, and the guest's count of them. */
export type DeviceAccount = {
  readonly name: string;
  readonly requests: number;
  /** MSIs that the device's thread has sent. */
  readonly signalled: number;
  /** The device's interrupts that the guest's kernel counted, on all CPUs, over all bindings of its driver. */
  readonly counted: number;
};

/** The JSON of `irqloom stress --guest linux`. */
export type LinuxStressResult = {
  readonly schemaVersion: 1;
  readonly command: 'stress';
  readonly guest: 'linux';
  readonly config: Pick<LinuxStressOptions, 'vcpus' | 'dispatch' | 'fault' | 'seed'>;
  /** Since the guest was at its init; 0 where the guest did not get there. */
  readonly seconds: number;
  /** From the first instruction to the guest's init; null where the run ended before. */
  readonly bootSeconds: number | null;
  readonly instructions: number;
  /** Empty if the guest did not reach the end of its run. */
  readonly devices: readonly DeviceAccount[];
  /** MSIs that the guest did not count. A device has one request in flight, so its signals do not merge. */
  readonly lost: number;
  /** Interrupts that the guest counted beyond the sent MSIs. */
  readonly spurious: number;
  /** vCPUs that kept sleeping with a signalled interrupt, because no thread rang them. The run ends at the first. */
  readonly stranded: number;
  readonly misrouted: number;
  readonly misroutes: readonly string[];
  readonly churn: { readonly moves: number; readonly hotplugs: number; readonly rebinds: number };
  readonly reads: { readonly rng: number; readonly block: number };
  readonly alarms: readonly string[];
  readonly interrupted: boolean;
};

const MEMORY_MIB = 256;
const DISK_BYTES = 2 ** 20;
const APPEND = 'console=ttyAMA0 cryptomgr.notests=1 quiet loglevel=4';
const PUMP_MS = 5;
/** Bound of the boot, ms. A boot takes a few seconds, on a busy host a multiple. */
const BOOT_MS = 600_000;
const FINISH_MS = 120_000;
const KEY = Uint8Array.of(10);
/** A vCPU that sleeps so long, ms, with a signalled interrupt was not rung; a busy host delays a wake-up by less. */
const STRANDED_MS = 5_000;

/** Whether the guest counted every MSI on the right CPU, and the kernel reported no fault. */
export function linuxHeld({ lost, spurious, misrouted, stranded, alarms }: LinuxStressResult): boolean {
  return lost + spurious + misrouted + stranded + alarms.length === 0;
}

/**
 * Stress with Linux: its own GIC and ITS drivers take LPIs from devices in other threads, while our init moves affinities, takes
 * CPUs offline and online and rebinds a driver. The proof compares the devices' MSIs with the kernel's counts.
 * @throws IrqError `ERR_FILE`, `ERR_GUEST_IMAGE`, `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`; `ERR_GUEST_STUCK` if the guest does not get
 * to its init, or to its end, with the pc of its vCPUs
 */
export async function runLinuxStress(
  options: LinuxStressOptions,
  watch: LinuxStressWatch,
): Promise<LinuxStressResult> {
  const { vcpus, dispatch, fault, seed } = options;
  const board = buildBoard({
    ...linuxGuest(options),
    append: APPEND,
    vcpus,
    memoryMiB: MEMORY_MIB,
    devices: [{ kind: 'rng' }, { kind: 'block', bytes: DISK_BYTES, readOnly: false }],
    clock: 'virtual',
    seed,
    dispatch,
    fault,
  });
  const lines = new LinuxLines();
  const console = new GuestConsole(board, watch.output);
  console.onLine = (line) => lines.take(line);
  const stranded = new StrandedWatch(board);
  const isOver = () => (watch.signal?.aborted ?? false) || stranded.look();
  const start = performance.now();
  const crew = await Crew.start(board);
  const headway = new Headway(board);
  try {
    const guest = crew.run();
    guest.catch(() => undefined);
    const until = (what: string, done: () => boolean, ms: number, lost?: Wait['lost']) =>
      wait({ guest, board, console, lines, what, done: () => done() || isOver(), ms, lost });
    await until(
      'get to its init',
      () => lines.figures().ready,
      BOOT_MS,
      () => headway.lost(),
    );
    const isBooted = lines.figures().ready;
    const ready = performance.now();
    const end = ready + options.seconds * 1000;
    const atWork = () => {
      watch.glance?.({ seconds: (performance.now() - ready) / 1000, signals: signalsOf(board) });
      return performance.now() >= end;
    };
    await until('run', atWork, options.seconds * 1000 + FINISH_MS);
    const seconds = isBooted ? (performance.now() - ready) / 1000 : 0;
    if (lines.figures().ready && !stranded.found) {
      board.platform.uart.giveInput(KEY);
      await wait({
        guest,
        board,
        console,
        lines,
        what: 'finish',
        done: () => lines.figures().done || stranded.look(),
        ms: FINISH_MS,
      });
    }
    board.end.say('stopped');
    board.wakeAll();
    const runs = await leaveGuest(crew, guest);
    console.pump();
    const instructions = runs.reduce((sum, run) => sum + run.instructions, 0);
    return {
      schemaVersion: 1,
      command: 'stress',
      guest: 'linux',
      config: { vcpus, dispatch, fault, seed },
      seconds,
      bootSeconds: isBooted ? (ready - start) / 1000 : null,
      instructions,
      ...account(board, lines.figures()),
      stranded: stranded.found ? 1 : 0,
      interrupted: watch.signal?.aborted ?? false,
    };
  } finally {
    await crew.close();
  }
}

/** Detects a vCPU that keeps sleeping although an interrupt is signalled. The main thread only. */
class StrandedWatch {
  readonly #board: GuestBoard;
  /** By vCPU: the number of the sleep in which an interrupt was signalled, and the time of the first observation. */
  readonly #called: Map<VcpuId, { readonly halts: number; readonly since: number }> = new Map();
  found = false;

  constructor(board: GuestBoard) {
    this.#board = board;
  }

  /** Call periodically; true once a vCPU has been stranded for {@link STRANDED_MS}. */
  look(): boolean {
    const { machine, plan } = this.#board;
    const now = performance.now();
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++) {
      const { halts } = machine.control(vcpu).counters();
      const called = this.#called.get(vcpu);
      if (!this.#board.isCalled(vcpu)) this.#called.delete(vcpu);
      else if (called?.halts !== halts) this.#called.set(vcpu, { halts, since: now });
      else this.found ||= now - called.since > STRANDED_MS;
    }
    return this.found;
  }
}

function signalsOf(board: GuestBoard): number {
  return board.platform.devices.reduce((sum, { registers }) => sum + registers.count('signals'), 0);
}

function account(board: GuestBoard, figures: LinuxFigures) {
  const { misrouted, numbers, alarms } = figures;
  const devices = figures.done ? accounts(board, figures) : [];
  const beyond = (difference: (device: DeviceAccount) => number) =>
    devices.reduce((sum, device) => sum + Math.max(0, difference(device)), 0);
  return {
    devices,
    lost: beyond(({ signalled, counted }) => signalled - counted),
    spurious: beyond(({ signalled, counted }) => counted - signalled),
    misrouted: misrouted.length,
    misroutes: misrouted,
    churn: { moves: numbers.moves ?? 0, hotplugs: numbers.hotplugs ?? 0, rebinds: numbers.rebinds ?? 0 },
    reads: { rng: numbers['reads rng'] ?? 0, block: numbers['reads block'] ?? 0 },
    alarms,
  };
}

/** The signals of each device and the guest's count of them. */
function accounts(board: GuestBoard, figures: LinuxFigures): DeviceAccount[] {
  return board.platform.devices.map(({ model, registers }, index): DeviceAccount => {
    const counted = figures.counts
      .filter(({ device }) => device === index)
      .reduce((sum, each) => sum + each.counted, 0);
    const [requests, signalled] = [registers.count('requests'), registers.count('signals')];
    return { name: `virtio${index} ${model.name}`, requests, signalled, counted };
  });
}

type Wait = {
  readonly guest: Promise<unknown>;
  readonly board: GuestBoard;
  readonly console: GuestConsole;
  readonly lines: LinuxLines;
  readonly what: string;
  readonly done: () => boolean;
  readonly ms: number;
  /** The reason for which the guest will never be `done`, once there is one. */
  readonly lost?: (() => string | undefined) | undefined;
};

/** Serves the console until `done`. An end of the guest meanwhile, the bound, or `lost` is an error with the console's last lines. */
async function wait({ guest, board, console, lines, what, done, ms, lost }: Wait): Promise<void> {
  const bound = performance.now() + ms;
  const ended = guest.then(() => true);
  for (;;) {
    console.pump();
    if (done()) return;
    const isLate = performance.now() > bound;
    const why = isLate ? undefined : lost?.();
    if (isLate || why !== undefined)
      throw new IrqError(
        'ERR_GUEST_STUCK',
        `the guest did not ${what}${why === undefined ? ` within ${ms / 1000} s` : `: ${why}`}; ${placesOf(board)}; ${told(console)}`,
      );
    const over = await Promise.race([new Promise((resolve) => setTimeout(resolve, PUMP_MS)), ended]);
    if (over !== true) continue;
    console.pump();
    // A kernel that has reported a fault is a result, not an error.
    if (done() || lines.figures().alarms.length > 0) return;
    if (board.end.kind === 'stuck') throw stuckError(board, told(console));
    throw new IrqError(
      'ERR_THREAD_DIED',
      `the guest ended (${board.end.kind}) before the end of the run; ${placesOf(board)}; ${told(console)}`,
    );
  }
}

function told({ last }: GuestConsole): string {
  return last.length === 0 ? 'its console is empty' : `its console ends with:\n${last.join('\n')}`;
}
