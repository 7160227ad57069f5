import type { VcpuId } from '../../arch/intid.ts';
import type { Action, ReplayScript } from './script.ts';
import type { Key } from './touches.ts';

/** One action of a thread of the replay. Mutable while the script is being made. */
export type Item = {
  readonly row: number;
  readonly action: Action;
  readonly thread: number;
  /** Its place in the recording, or the place to which the planner moved it. */
  position: number;
  /** The acknowledge whose handler contains the item. */
  readonly block: Item | undefined;
  readonly causes: Set<Item>;
  a: number;
  b: number;
  address: number;
  value: bigint;
  /** Of an SGI: its target vCPUs. */
  targets: readonly VcpuId[];
  /** Of a device's item: the lane that keeps its order among the signals of its thread. */
  lane: Key;
  /** Of a hold: the signals that wait for the hold. */
  released: readonly Item[];
  /** Of an acknowledge: the signals that were one in the recording and may be several here. */
  loose: readonly Item[];
  /** Left out of the script. */
  dropped: boolean;
};

export type ItemFields = Pick<Item, 'row' | 'action' | 'thread'> &
  Partial<Pick<Item, 'position' | 'block' | 'a' | 'b' | 'address' | 'value' | 'targets' | 'lane'>>;

export function makeItem(fields: ItemFields): Item {
  return {
    position: fields.row,
    block: undefined,
    causes: new Set(),
    a: 0,
    b: 0,
    address: 0,
    value: 0n,
    targets: [],
    lane: '',
    released: [],
    loose: [],
    dropped: false,
    ...fields,
  };
}

/** Sorts items so that each follows its causes, and otherwise as in the recording. */
export function inOrder(items: readonly Item[]): Item[] {
  const kept = items.filter(({ dropped }) => !dropped).sort((a, b) => a.position - b.position);
  const ordered: Item[] = [];
  const placed = new Set<Item>();
  const waiting = new Map<Item, Item[]>();
  const missing = new Map<Item, number>();
  /** Places an item and every item that waited only for it; not recursive, because chains are long. */
  const place = (first: Item) => {
    const ready = [first];
    for (let item = ready.pop(); item; item = ready.pop()) {
      ordered.push(item);
      placed.add(item);
      for (const after of waiting.get(item) ?? []) {
        const left = (missing.get(after) ?? 0) - 1;
        missing.set(after, left);
        if (left === 0) ready.push(after);
      }
    }
  };
  for (const item of kept) {
    const open = [...item.causes].filter((cause) => !cause.dropped && !placed.has(cause));
    missing.set(item, open.length);
    for (const cause of open) {
      const list = waiting.get(cause);
      if (list) list.push(item);
      else waiting.set(cause, [item]);
    }
    if (open.length === 0) place(item);
  }
  if (ordered.length !== kept.length) {
    const stuck = kept.filter((item) => !placed.has(item));
    throw new Error(`${stuck.length} events wait for each other, from row ${stuck[0]?.row} on`);
  }
  return ordered;
}

/** Makes the columns of a script in memory that all threads share. */
export function toScript(
  ordered: readonly Item[],
  fixed: Pick<ReplayScript, 'vcpus' | 'devices' | 'commands'>,
): ReplayScript {
  const items = ordered.length;
  const index = new Map(ordered.map((item, at) => [item, at]));
  const lanes = new Map<Key, number>();
  const laneOf = ({ lane }: Item) => {
    const known = lanes.get(lane);
    if (known !== undefined) return known;
    lanes.set(lane, lanes.size);
    return lanes.size - 1;
  };
  const lists = (of: (item: Item) => Iterable<Item>) => {
    const at = new Int32Array(shared(4 * (items + 1)));
    const flat: number[] = [];
    ordered.forEach((item, number) => {
      for (const other of of(item)) if (!other.dropped) flat.push(index.get(other) ?? 0);
      at[number + 1] = flat.length;
    });
    const all = new Int32Array(shared(4 * flat.length));
    all.set(flat);
    return [at, all] as const;
  };
  const [causesAt, causes] = lists((item) => item.causes);
  const [releasedAt, released] = lists((item) => item.released);
  const [looseAt, loose] = lists((item) => item.loose);
  const column = <T extends { set(values: ArrayLike<number>): void }>(
    made: T,
    of: (item: Item) => number,
  ): T => {
    made.set(ordered.map(of));
    return made;
  };
  const commands = new Uint32Array(shared(fixed.commands.byteLength));
  commands.set(fixed.commands);
  const value = new BigUint64Array(shared(8 * items));
  value.set(ordered.map((item) => item.value));
  return {
    ...fixed,
    commands,
    items,
    seed: 0,
    row: column(new Int32Array(shared(4 * items)), ({ row }) => row),
    action: column(new Uint8Array(shared(items)), ({ action }) => action),
    thread: column(new Int16Array(shared(2 * items)), ({ thread }) => thread),
    block: column(new Int32Array(shared(4 * items)), ({ block }) => (block && index.get(block)) ?? -1),
    a: column(new Uint32Array(shared(4 * items)), ({ a }) => a),
    b: column(new Uint32Array(shared(4 * items)), ({ b }) => b),
    address: column(new Float64Array(shared(8 * items)), ({ address }) => address),
    lane: column(new Int32Array(shared(4 * items)), laneOf),
    value,
    causesAt,
    causes,
    releasedAt,
    released,
    looseAt,
    loose,
  };
}

const shared = (bytes: number) => new SharedArrayBuffer(bytes);
