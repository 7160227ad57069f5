import type { Machine } from '../../board/machine.ts';
import { EVENT_COUNT, EventCount } from '../../memory/event-count.ts';
import { Layout, LINE, type Region } from '../../memory/layout.ts';

/** The actions of a script's items. */
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
  /** No action: a place in the order that other items wait for. */
  barrier: 11,
  /** The vCPU acknowledges nothing until the signals that wait for this item have been made. */
  hold: 12,
} as const;
export type Action = (typeof ACTION)[keyof typeof ACTION];

/**
 * The script of a replay, shared by every thread: the items in columns over shared memory, each after its causes. `a`
 * and `b` are those of the packed recording, with these exceptions:
 *
 * | action | a | b | value |
 * |---|---|---|---|
 * | read, write | size in bytes | | the value written, or read by the guest |
 * | command | index of its first word in `commands` | | |
 * | configure | | the byte | |
 * | sgi | | INTID | of ICC_SGI1R |
 *
 * `address` is guest-physical: of a register, of a slot in the queue, of a byte in the configuration table.
 */
export type ReplayScript = {
  readonly items: number;
  readonly vcpus: number;
  /** Device threads; their numbers follow the vCPUs'. */
  readonly devices: number;
  readonly seed: number;
  readonly row: Int32Array;
  readonly action: Uint8Array;
  readonly thread: Int16Array;
  /** The acknowledge whose handler contains the item, or -1. */
  readonly block: Int32Array;
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly address: Float64Array;
  readonly value: BigUint64Array;
  /** By device item: its lane in its thread; a thread makes the items of a lane in order. */
  readonly lane: Int32Array;
  /** The causes of item i are `causes[causesAt[i]]` to `causes[causesAt[i + 1] - 1]`. */
  readonly causesAt: Int32Array;
  readonly causes: Int32Array;
  /** The signals that wait for a hold, indexed as `causes`. */
  readonly releasedAt: Int32Array;
  readonly released: Int32Array;
  /** The signals of an acknowledge that were one in the recording and may be several here, indexed as `causes`. */
  readonly looseAt: Int32Array;
  readonly loose: Int32Array;
  readonly commands: Uint32Array;
};

/** The states of an item's word. */
export const BEGUN = 1;
export const DONE = 2;

/** Unexpected deliveries kept with vCPU and INTID. */
export const KEPT_EXTRAS = 64;

/** The words of a threaded replay, in the machine's scenario region. */
export type ScriptRegions = {
  /** Number of items still to be done. */
  readonly remaining: Region;
  readonly abort: Region;
  /** The number of unexpected deliveries, then vCPU and INTID of the first few. */
  readonly extras: Region;
  /** By vCPU, a line each: deliveries after a delivery that the recording has later. */
  readonly reordered: Region;
  /** By vCPU, a line each: separate deliveries of signals that were one with others in the recording. */
  readonly apart: Region;
  /** By item: 0, {@link BEGUN} or {@link DONE}. */
  readonly done: Region;
  /** By item: the value of a read, two words. */
  readonly got: Region;
  /** By device thread: the bell on which it sleeps. */
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

/** Words of {@link scriptRegions}. */
export function scriptWords(sizes: Sizes): number {
  const layout = new Layout();
  scriptRegions(layout, sizes);
  return layout.words;
}

/** The places of the words on a machine, and the bells of its threads, by thread number. */
export function scriptPlaces(machine: Machine, script: Sizes): { at: ScriptRegions; bells: EventCount[] } {
  const at = scriptRegions(new Layout(machine.scenario.at), script);
  const vcpus = Array.from({ length: machine.config.vcpus }, (_, vcpu) => machine.gic.interrupts.bell(vcpu));
  return { at, bells: [...vcpus, ...at.bells.map((region) => new EventCount(machine.words, region))] };
}
