import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IrqError } from '../base/irq-error.ts';
import type { Fault } from '../board/config.ts';
import type { Perturbation } from '../memory/perturbation/timing.ts';
import { isGuestRecording, readGuestTrace, recordedWorkload, shapeOf } from '../recorded/index.ts';
import type { Churn, LineMode, StressDispatch, StressOptions } from '../stress/index.ts';
import type { DesignName } from '../vmm/design.ts';
import { DESIGNS } from '../vmm/designs.ts';
import { isOwn } from './stress-own.ts';
import type { StressOutputs } from './stress-watch.ts';

/** Wires beside the MSIs: four edges, a line that KVM_IRQ_LINE drives, and three on resampling irqfds, of which two share a GSI. */
const WIRES = 8;

/** How long a run takes, s. */
export const DEFAULT_S = 8;
const THOROUGH_S = 60;

/** The recorded guest that comes with the package. */
const RECORDING = new URL('../../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url);

/** Interrupt controllers: arm64's GICv3 with its ITS, or x86's IOAPIC and local APICs. */
export const IRQCHIPS = ['gicv3', 'ioapic'] as const;

/** The options of `irqloom stress`, as the command line has them. */
export type StressFlags = {
  recording?: string;
  guest?: string;
  device?: string;
  shared: number;
  kernel?: string;
  modules?: string;
  vcpus?: number;
  devices?: number;
  events?: number;
  iterations: number;
  seconds?: number;
  thorough?: boolean;
  untilCovered?: number;
  programs?: number;
  spis?: number;
  lines?: LineMode;
  abi: DesignName;
  irqchip: (typeof IRQCHIPS)[number];
  churn: Churn;
  dispatch: StressDispatch;
  fault: Fault;
  perturb: Perturbation;
  stampAll?: boolean;
  lrs?: number;
  itses: number;
  gicv4?: boolean;
  seed?: number;
  json?: boolean;
  rotate?: boolean;
  keep?: string;
  resume?: string;
} & StressOutputs;

/**
 * The options of a run that injects.
 * @param programs - how long programs are drawn after the run, s
 * @throws IrqError `ERR_USAGE`
 */
export function optionsOf(flags: StressFlags, programs: number): StressOptions {
  const whole = flags.thorough ? THOROUGH_S : DEFAULT_S;
  const { seconds = flags.programs === undefined ? whole - programs : whole, untilCovered } = flags;
  const { vcpus, devices, events, abi, iterations, churn, dispatch, fault, perturb } = flags;
  const hasGuest = flags.guest !== undefined || flags.device !== undefined;
  const { spis = hasGuest || flags.gicv4 ? 0 : WIRES } = flags;
  const { lines = spis < 2 ? 'irq-line' : 'both' } = flags;
  const isX86 = flags.irqchip === 'ioapic';
  const synthetic =
    vcpus !== undefined ||
    devices !== undefined ||
    events !== undefined ||
    hasGuest ||
    isX86 ||
    flags.gicv4 === true;
  if (synthetic && flags.recording !== undefined) {
    throw new IrqError(
      'ERR_USAGE',
      '--recording brings its own vCPUs, devices and events: leave out -v, -d and -e, or leave out --recording',
    );
  }
  if (flags.trace !== undefined && isGuestRecording(flags.trace)) {
    throw new IrqError(
      'ERR_USAGE',
      `--trace writes a trace of the run, and ${flags.trace} is a recorded guest: give the file with --recording`,
    );
  }
  const input = synthetic
    ? { ...defaultShape(flags), ...defined({ vcpus, devices, events }), ...itsesOf(flags) }
    : recordedInput(flags);
  if (flags.itses > 1 && (!synthetic || hasGuest)) {
    throw new IrqError(
      'ERR_USAGE',
      `--itses ${flags.itses} is for a synthetic guest: give -v, -d and -e, and leave out --recording, --guest and --device`,
    );
  }
  if (lines !== 'irq-line' && spis < 2) {
    throw new IrqError(
      'ERR_USAGE',
      '--lines resample or both is about level-triggered wires: give --spis 2 or more',
    );
  }
  if (fault === 'lost-ack' && (lines === 'irq-line' || (lines === 'both' && spis < 4))) {
    throw new IrqError(
      'ERR_USAGE',
      '--fault lost-ack is about lines that resample: add --lines resample --spis 8',
    );
  }
  if (fault === 'wrong-vcpu' && !('boot' in input) && input.vcpus === 1) {
    throw new IrqError('ERR_USAGE', '--fault wrong-vcpu needs at least 2 vCPUs');
  }
  if (fault === 'stale-route' && DESIGNS[abi].wordsPerSource.table === 0) {
    throw new IrqError(
      'ERR_USAGE',
      `--fault stale-route is about routes in a table, and the design "${abi}" has none for a source: choose another --abi`,
    );
  }
  if ((fault === 'stale-route' || fault === 'wrong-vcpu') && churn === 'none') {
    throw new IrqError(
      'ERR_USAGE',
      `--fault ${fault} shows only while routes and targets change: use --churn light or heavy`,
    );
  }
  return {
    input,
    spis,
    lines,
    abi,
    seconds,
    ...(untilCovered === undefined ? {} : { untilCovered }),
    iterations,
    churn,
    dispatch,
    fault,
    perturb: hasGuest && !isOwn(flags) ? 'off' : perturb,
    seed: flags.seed ?? randomSeed(),
    trace: flags.trace !== undefined,
    ...(flags.stampAll ? { stampEvery: 1 } : {}),
    ...(flags.lrs === undefined ? {} : { listRegisters: flags.lrs }),
  };
}

/** The topology of a command line without one: the smallest, and for a real guest enough to be worth its boot. */
function defaultShape({ guest, device, irqchip, gicv4 }: StressFlags): {
  vcpus: number;
  devices: number;
  events: number;
} {
  return guest === undefined && device === undefined && irqchip === 'gicv3' && !gicv4
    ? { vcpus: 1, devices: 1, events: 1 }
    : { vcpus: 2, devices: 2, events: 4 };
}

/** Only a machine with several ITSes says how many: then its result does too. */
function itsesOf({ itses }: StressFlags): { itses?: number } {
  return itses === 1 ? {} : { itses };
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** The recorded guest; or, in a design that cannot run irqloom's own recording, a topology of its shape. */
function recordedInput({ recording, abi }: StressFlags): StressOptions['input'] {
  const guest = readGuestTrace(recording ?? ownRecording());
  return recording === undefined && DESIGNS[abi].msi !== 'lpi' ? shapeOf(guest) : recordedWorkload(guest);
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

/** The file of irqloom's own recording, as a user would type the path. */
export function ownRecording(): string {
  const path = fileURLToPath(RECORDING);
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
