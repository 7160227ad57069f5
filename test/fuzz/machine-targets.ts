import { gunzipSync, gzipSync } from 'node:zlib';
import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { restoreSnapshot, takeSnapshot } from '../../src/board/snapshot.ts';
import { audit, buildStress, isAtRest, keepMoment, momentOf, tracksOf } from '../../src/stress/index.ts';
import type { Target } from './target.ts';

const SNAPSHOT_HEAD = 8;
const CHECKSUM_AT = 6;

/** Puts the checksum of a snapshot right, so that a mutant gets past it: FNV-1a over words. */
function mended(snapshot: Uint8Array): Uint8Array {
  const words = new Int32Array(Uint8Array.from(snapshot.subarray(0, snapshot.length & ~3)).buffer);
  if (words.length < SNAPSHOT_HEAD) return snapshot;
  words[3] = words.length - SNAPSHOT_HEAD;
  words[SNAPSHOT_HEAD + 2] = words.length - SNAPSHOT_HEAD;
  let hash = 0x811c9dc5;
  for (const [at, word] of words.entries()) if (at !== CHECKSUM_AT) hash = Math.imul(hash ^ word, 0x01000193);
  words[CHECKSUM_AT] = hash | 0;
  return new Uint8Array(words.buffer);
}

/** Looks at a machine as a resumed one is looked at, and does a little with each of its parts. */
function use(machine: Machine): void {
  const { vcpus, gicdBase, gicrBase, itsBase } = machine.config;
  for (let vcpu = 0; vcpu < Math.min(vcpus, 4); vcpu++) {
    const cpu = machine.gic.cpuInterface(vcpu);
    for (let times = 0; times < 4; times++) cpu.acknowledge();
  }
  for (const base of [gicdBase, gicrBase, itsBase]) machine.bus.read(base, 4);
  machine.vm.irqfds.dispatchPending();
  isAtRest(machine);
  for (let intid = 32; intid < machine.gic.interrupts.endSpi; intid++)
    machine.gic.interrupts.state(machine.gic.interrupts.find(0, intid));
}

const SMALL = {
  ...DEFAULT_CONFIG,
  vcpus: 2,
  eventfds: 3,
  events: 16,
  devices: 4,
  idBits: 14,
  spis: 32,
  gsis: 64,
  pins: 32,
};

const SNAPSHOT: Target = {
  name: 'snapshot',
  seeds: () => [takeSnapshot(Machine.create({ ...SMALL, memory: [{ base: 0x4000_0000, bytes: 0x1000 }] }))],
  words: [
    '\u0001\u0000\u0000\u0000',
    '\u00ff\u00ff\u00ff\u00ff',
    '\u0000\u0000\u0000\u0080',
    '\u0000\u0020\u0000\u0000',
  ],
  read: (bytes) => use(restoreSnapshot(mended(bytes))),
};

const MOMENT: Target = {
  name: 'moment',
  // The plan, as text, and then the first words of the machine.
  seeds: () => [planOf(), Buffer.from(planOf().toString().replaceAll('"churn":"none"', '"churn":"heavy"'))],
  words: [
    '"sources":',
    '"intid":',
    '"vcpu":',
    '"slices":',
    '"device":',
    '"devices":',
    '"spareLpis":{"first":',
  ],
  read: (bytes) => {
    const { head, rest } = built();
    const whole = Buffer.concat([head, bytes, rest]);
    whole.writeUInt32LE(bytes.length, head.length - 4);
    const moment = momentOf(gzipSync(whole, { level: 0 }), 'input');
    tracksOf(moment);
    audit(moment.machine, moment.plan);
    use(moment.machine);
  },
};

let parts: { readonly head: Buffer; readonly plan: Buffer; readonly rest: Buffer } | undefined;

/** A kept moment in its three parts. */
function built(): NonNullable<typeof parts> {
  parts ??= split();
  return parts;
}

const planOf = (): Buffer => built().plan;

function split(): NonNullable<typeof parts> {
  const { machine, plan } = buildStress({
    input: { vcpus: 2, devices: 1, events: 2 },
    spis: 2,
    lines: 'resample',
    seconds: 1,
    iterations: 0,
    churn: 'none',
    dispatch: 'main',
    seed: 5,
    fault: 'none',
    trace: false,
  });
  const bytes = gunzipSync(keepMoment({ machine, plan, command: 'npx irqloom stress' }));
  const at = bytes.indexOf('{"command"');
  const length = bytes.readUInt32LE(at - 4);
  return {
    head: Buffer.from(bytes.subarray(0, at)),
    plan: Buffer.from(bytes.subarray(at, at + length)),
    rest: Buffer.from(bytes.subarray(at + length)),
  };
}

export const MACHINE_TARGETS: readonly Target[] = [SNAPSHOT, MOMENT];
