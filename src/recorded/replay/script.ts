import type { Machine } from '../../board/machine.ts';
import { EVENT_COUNT, EventCount } from '../../memory/event-count.ts';
import { Layout, LINE, type Region } from '../../memory/layout.ts';

/** What an item of a script does. */
export const ACTION = {
  acknowledge: 0,
  endOfInterrupt: 1,
  deactivate: 2,
  sgi: 3,
  read: 4,
  write: 5,
  command: 6,
  configure: 7,
  icc: 8,
  msi: 9,
  line: 10,
  /** Nothing: a place in the order that others wait for. */
  barrier: 11,
  /** The vCPU acknowledges nothing until the signals that wait for this item have been made. */
  hold: 12,
} as const;
export type Action = (typeof ACTION)[keyof typeof ACTION];

/**
 * What every thread of a replay is told: the items in columns over shared memory, in an order in which everything comes
 * after its causes. What `a` and `b` hold is what the packed recording holds for the event, except where it says so:
 *
 * | action | a | b | value |
 * |---|---|---|---|
 * | read, write | size in bytes | | what is written, what the guest read |
 * | command | index of its first word in `commands` | | |
 * | configure | | the byte | |
 * | sgi | | INTID | of ICC_SGI1R |
 *
 * `address` is guest-physical: of a register, a place in the queue, a byte of the configuration table.
 */
export type ReplayScript = {
  readonly items: number;
  readonly vcpus: number;
  /** Threads of devices; they are numbered after the vCPUs. */
  readonly devices: number;
  readonly seed: number;
  readonly row: Int32Array;
  readonly action: Uint8Array;
  readonly thread: Int16Array;
  /** The acknowledge in whose handler the item stands, or -1. */
  readonly block: Int32Array;
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly address: Float64Array;
  readonly value: BigUint64Array;
  /** By device item: the lane of its thread in which it stands; those of a lane are made in order. */
  readonly lane: Int32Array;
  /** The causes of item i are `causes[causesAt[i]]` to `causes[causesAt[i + 1] - 1]`. */
  readonly causesAt: Int32Array;
  readonly causes: Int32Array;
  /** The signals that a hold waits for, as `causes` has the causes. */
  readonly heldAt: Int32Array;
  readonly held: Int32Array;
  /** The signals of an acknowledge that were one in the recording and may be several here, as `causes` has the causes. */
  readonly looseAt: Int32Array;
  readonly loose: Int32Array;
  readonly commands: Uint32Array;
};

/** What the word of an item says of it. */
export const BEGUN = 1;
export const DONE = 2;

/** How many unexpected deliveries are kept with their numbers. */
export const KEPT_EXTRAS = 64;

/** The words of a threaded replay, within the scenario's region of the machine. */
export type ScriptRegions = {
  /** Items that are still to be done. */
  readonly remaining: Region;
  readonly abort: Region;
  /** The count of unexpected deliveries, then vCPU and INTID of the first. */
  readonly extras: Region;
  /** By vCPU, a line each: deliveries that came after one that the recording has later. */
  readonly reordered: Region;
  /** By vCPU, a line each: deliveries of signals that were one with others in the recording. */
  readonly apart: Region;
  /** By item: 0, {@link BEGUN} or {@link DONE}. */
  readonly done: Region;
  /** By item: what a read returned, two words. */
  readonly got: Region;
  /** By device thread: where it sleeps. */
  readonly bells: readonly Region[];
};

type Sizes = Pick<ReplayScript, 'items' | 'vcpus' | 'devices'>;

function scriptRegions(layout: Layout, { items, vcpus, devices }: Sizes): ScriptRegions {
  return {
    remaining: layout.region('replay.remaining', 1),
    abort: layout.region('replay.abort', 1),
    extras: layout.region('replay.extras', LINE + 2 * KEPT_EXTRAS),
    reordered: layout.region('replay.reordered', vcpus * LINE),
    apart: layout.region('replay.apart', vcpus * LINE),
    done: layout.region('replay.done', items),
    got: layout.region('replay.got', 2 * items),
    bells: Array.from({ length: devices }, (_, device) => layout.place(`replay.bell${device}`, EVENT_COUNT)),
  };
}

/** How many words {@link scriptRegions} needs. */
export function scriptWords(sizes: Sizes): number {
  const layout = new Layout();
  scriptRegions(layout, sizes);
  return layout.words;
}

/** Where the words lie on a machine, and where its threads sleep, by number. */
export function scriptPlaces(machine: Machine, script: Sizes): { at: ScriptRegions; bells: EventCount[] } {
  const at = scriptRegions(new Layout(machine.scenario.at), script);
  const vcpus = Array.from({ length: machine.config.vcpus }, (_, vcpu) => machine.gic.interrupts.bell(vcpu));
  return { at, bells: [...vcpus, ...at.bells.map((region) => new EventCount(machine.words, region))] };
}
