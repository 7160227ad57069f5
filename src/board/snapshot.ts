import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import { EPOCH } from '../its/events.ts';
import { CLOCK, resumeClock } from '../measure/clock.ts';
import { HEADER, LAYOUT_VERSION } from '../memory/header.ts';
import { load, store, type Words } from '../memory/word.ts';
import { MAIN_THREAD } from './board.ts';
import { Machine } from './machine.ts';
import { HALTED, OUTSIDE } from './vcpu-control.ts';

/** 'irqs' as a little-endian word: the first word of every snapshot. */
const MAGIC = 0x73717269;
/** The version of the header. Raise it when the header changes. */
const VERSION = 1;
const HEADER_WORDS = 8;
const HALF = 2 ** 32;

const AT = { magic: 0, version: 1, layout: 2, words: 3, ageLow: 4, ageHigh: 5, checksum: 6 } as const;

/**
 * Copies a whole machine: its shared buffer, behind a header with a checksum. The copy can be kept in a file, and
 * contains a scenario's own words unchanged.
 *
 * The machine must be idle: its vCPUs outside of their guests, no device signalling. Main thread.
 * @param asleep - `copy` accepts a vCPU that sleeps in its guest as idle. For guests that keep all of their state in
 * the machine: a kick would wake the vCPU and hide a lost wake-up
 * @throws IrqError `ERR_SNAPSHOT` while a vCPU runs
 */
export function takeSnapshot(machine: Machine, asleep: 'refuse' | 'copy' = 'refuse'): Uint8Array {
  for (let vcpu: VcpuId = 0; vcpu < machine.config.vcpus; vcpu++) {
    const { mode } = machine.control(vcpu);
    if (mode !== OUTSIDE && !(asleep === 'copy' && mode === HALTED)) {
      throw new IrqError('ERR_SNAPSHOT', `vCPU ${vcpu} is running: make it leave its guest first (pause)`);
    }
  }
  const { words } = machine;
  const snapshot = new Int32Array(HEADER_WORDS + words.length);
  const age = machine.clock.now();
  snapshot[AT.magic] = MAGIC;
  snapshot[AT.version] = VERSION;
  snapshot[AT.layout] = LAYOUT_VERSION;
  snapshot[AT.words] = words.length;
  snapshot[AT.ageLow] = age | 0;
  snapshot[AT.ageHigh] = Math.floor(age / HALF);
  snapshot.set(words, HEADER_WORDS);
  snapshot[AT.checksum] = checksum(snapshot);
  return new Uint8Array(snapshot.buffer);
}

/**
 * Restores the machine of a snapshot in a new buffer, for new threads: every lock is free, no thread sleeps, no reader
 * is in a section, no vCPU is in its guest or has a request. Its clock continues from the moment of the snapshot. The
 * calling thread becomes its main thread.
 * @throws IrqError `ERR_SNAPSHOT` if the bytes are damaged, cut off, or no snapshot of this version
 */
export function restoreSnapshot(bytes: Uint8Array): Machine {
  const snapshot = checkedWords(bytes);
  const words = new Int32Array(new SharedArrayBuffer(4 * (snapshot.length - HEADER_WORDS)));
  words.set(snapshot.subarray(HEADER_WORDS));
  checkCounts(words, attach(words));
  fill(words, snapshot);
  return attach(words);
}

/**
 * As {@link restoreSnapshot}, but into the buffer of a machine with the same configuration, whose threads have ended or
 * are outside of their programs. Overwrites the machine's state; a refused snapshot changes nothing.
 * @throws IrqError `ERR_SNAPSHOT`, also for a snapshot of a machine with another configuration
 */
export function restoreInto(machine: Machine, bytes: Uint8Array): void {
  const snapshot = checkedWords(bytes);
  const { words } = machine;
  const headerEnd = machine.layout.ofKind(HEADER)[0]?.words ?? 0;
  const differs = (at: number) => snapshot[HEADER_WORDS + at] !== words[at];
  for (let at = 0; at < headerEnd; at++) {
    if (!differs(at)) continue;
    throw new IrqError(
      'ERR_SNAPSHOT',
      `the snapshot is of a machine with another configuration: word ${at} of its header differs`,
    );
  }
  checkCounts(snapshot.subarray(HEADER_WORDS), machine);
  const before = epochsOf(machine);
  fill(words, snapshot);
  const after = epochsOf(attach(words));
  // Never 0, the stamp of an event that was never cached.
  for (const [at, epoch] of after) store(words, at, (Math.max(epoch, before.get(at) ?? 0) + 1) | 0 || 1);
}

/** The offset of each ITS's epoch, and its present value. @see EPOCH for why an overwritten machine gets a new one */
function epochsOf(machine: Machine): Map<number, number> {
  return new Map(machine.layout.ofKind(EPOCH).map(({ at }) => [at, load(machine.words, at) >>> 0]));
}

/** Returns the words of a complete snapshot. */
function checkedWords(bytes: Uint8Array): Int32Array {
  const refuse = (why: string) => new IrqError('ERR_SNAPSHOT', `this is no snapshot to restore: ${why}`);
  if (bytes.length < 4 * HEADER_WORDS)
    throw refuse(`it has ${bytes.length} bytes, less than the header of one`);
  const head = new Int32Array(new Uint8Array(bytes.subarray(0, 4 * HEADER_WORDS)).buffer);
  const word = (field: keyof typeof AT) => head[AT[field]] ?? 0;
  if (word('magic') !== MAGIC) throw refuse(`it does not start with irqloom's mark`);
  if (word('version') !== VERSION || word('layout') !== LAYOUT_VERSION) {
    const found = `${word('version')}, layout ${word('layout')}`;
    throw refuse(`it is of version ${found}; this irqloom reads ${VERSION}, layout ${LAYOUT_VERSION}`);
  }
  const expected = 4 * (HEADER_WORDS + (word('words') >>> 0));
  if (bytes.length !== expected)
    throw refuse(`it has ${bytes.length} bytes, and should have ${expected}: cut off or grown`);
  const snapshot = new Int32Array(new Uint8Array(bytes).buffer);
  if (checksum(snapshot) !== word('checksum')) throw refuse('its checksum is wrong: the bytes are damaged');
  return snapshot;
}

/** Refuses a snapshot with counts that no machine of this configuration has: loops run up to them. */
function checkCounts(words: Int32Array, { layout, config }: Machine): void {
  for (const [, region, kind] of layout.regions()) {
    const fault = kind.fault?.(words, region, config);
    if (fault !== undefined) throw new IrqError('ERR_SNAPSHOT', `the snapshot holds no machine: ${fault}`);
  }
}

function fill(words: Words, snapshot: Int32Array): void {
  words.set(snapshot.subarray(HEADER_WORDS));
  const { layout } = attach(words);
  for (const [, region, kind] of layout.regions()) kind.restored?.(words, region);
  const age = ((snapshot[AT.ageLow] ?? 0) >>> 0) + (snapshot[AT.ageHigh] ?? 0) * HALF;
  for (const clock of layout.ofKind(CLOCK)) resumeClock(words, clock, age);
}

/** Makes the main thread's view; a foreign buffer means that the bytes are no snapshot. */
function attach(words: Words): Machine {
  try {
    const machine = Machine.attach(words.buffer, MAIN_THREAD);
    if (machine.layout.words === words.length) return machine;
  } catch (cause) {
    if (!(cause instanceof IrqError)) throw cause;
    throw new IrqError('ERR_SNAPSHOT', `the snapshot holds no machine: ${cause.message}`, { cause });
  }
  throw new IrqError(
    'ERR_SNAPSHOT',
    'the snapshot holds no machine: its configuration needs another number of words',
  );
}

/** FNV-1a over words, without the checksum's own word. Each step is invertible, so one changed word always shows. */
function checksum(snapshot: Int32Array): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < snapshot.length; at++) {
    if (at === AT.checksum) continue;
    hash = Math.imul(hash ^ (snapshot[at] ?? 0), 0x01000193);
  }
  return hash | 0;
}
