import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { createInitialisedVm } from '../../src/board/create-vm.ts';
import { parseAnswers } from '../../src/conformance/vectors/vector-answers.ts';
import { parseVector } from '../../src/conformance/vectors/vector-language.ts';
import { applyIoctl } from '../../src/kvm-abi/structs/apply.ts';
import { explainIoctl } from '../../src/kvm-abi/structs/explain.ts';
import { parseHex } from '../../src/kvm-abi/structs/hex.ts';
import { IOCTLS } from '../../src/kvm-abi/structs/ioctls.ts';
import { Distribution } from '../../src/measure/distribution.ts';
import { formatLog, parseLog } from '../../src/measure/hdr-log.ts';
import { compareRuns } from '../../src/measuring/compare-runs/run-comparison.ts';
import { readSavedRuns } from '../../src/measuring/compare-runs/saved-runs.ts';
import { readKernel } from '../../src/platform/loader/kernel.ts';
import { recordedWorkload } from '../../src/recorded/index.ts';
import { summarise } from '../../src/recorded/trace/guest-setup.ts';
import { parseGuestTrace } from '../../src/recorded/trace/guest-trace.ts';
import { GDB } from './gdb-target.ts';
import { GUEST_TOKEN, SYMBOLS } from './guest-token-target.ts';
import { MACHINE_TARGETS } from './machine-targets.ts';
import type { Target } from './target.ts';
import { TOKEN } from './token-target.ts';

/** The root of the repository: from here, and from `dist`, which is a folder deeper. */
const ROOT = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../' : '../../../', import.meta.url),
);
const file = (path: string): Buffer => readFileSync(join(ROOT, path));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

const RECORDING: Target = {
  name: 'recording',
  // All lines up to the first mapped events that have to do with the ITS; and the first lines, of every kind.
  seeds: () => {
    const whole = gunzipSync(file('data/guests/linux-2cpu-virtio.jsonl.gz')).toString('utf8').split('\n');
    const isIts = (line: string) => /"op":"command"|"frame":"GITS"|"offset":"0x7[08]"/.test(line);
    const mapping = whole.slice(1, 4060).filter((line) => isIts(line) && !line.includes('"offset":"0x90"'));
    return [[whole[0] ?? '', ...mapping], whole.slice(0, 60)].map((lines) =>
      Buffer.from(`${lines.join('\n')}\n`),
    );
  },
  words: [
    '"op":"cmd"',
    '"name":"MAPD"',
    '"cpus":',
    '"spis":',
    '"ittAddr":"0x',
    '"valid":',
    '"size":',
    '"deviceId":',
  ],
  read: (bytes) => {
    const trace = parseGuestTrace(text(bytes), 'input');
    summarise(trace);
    recordedWorkload(trace).sources(2);
  },
};

const VECTOR: Target = {
  name: 'vector',
  seeds: () =>
    ['07-its-probe', '13-its-queue', '17-msi-deviceids'].map((name) =>
      file(`test/fixtures/vectors/${name}.vec`),
    ),
  words: [
    'machine cpus=',
    'queue*',
    'msi dev=',
    'lpi-config ',
    'cpu 0 drain ',
    '!kvm={',
    'w gicd ',
    'kick\n',
  ],
  read: (bytes) => {
    parseVector(text(bytes), 'input');
  },
};

const ANSWERS: Target = {
  name: 'answers',
  seeds: () => [
    Buffer.from('{"i":0,"line":3,"op":"r","value":"0x1"}\n{"i":1,"line":4,"op":"ack","intid":8192}\n'),
  ],
  words: ['"i":', '"line":', '"marks":[', '"op":'],
  read: (bytes) => {
    parseAnswers(text(bytes), 'input');
  },
};

const SAVED = {
  schemaVersion: 1,
  command: 'latency',
  calibration: { steady: true },
  paths: [
    {
      source: 'irqfd',
      dispatch: 'inline',
      waiting: 'polling',
      ratio: { calibrationNs: 100 },
      blocks: Array.from({ length: 8 }, (_, boot) => ({ boot, p50: 200 + boot, p99: 400 })),
    },
  ],
};

const RESULT: Target = {
  name: 'result',
  seeds: () => [Buffer.from(JSON.stringify(SAVED))],
  words: ['"blocks":[', '"p50":', '"schemaVersion":', '"paths":['],
  read: (bytes) => {
    const runs = readSavedRuns(text(bytes), 'input');
    for (const relative of [true, false]) compareRuns(runs, runs, { tolerance: 0.1, relative });
  },
};

const KERNEL: Target = {
  name: 'kernel',
  seeds: () => [elf(), image(), file('guests/bare/bare.bin')],
  words: ['\u007fELF', 'ARMd', 'zimg'],
  read: (bytes) => {
    const { segments, entry, end } = readKernel(bytes, 0x4000_0000);
    if (segments.some(({ address }) => !Number.isFinite(address)) || Number.isNaN(entry + end))
      throw new Error('a kernel was read that has no address');
  },
};

/** A small ELF of AArch64 with one segment. */
function elf(): Uint8Array {
  const bytes = Buffer.alloc(0x100);
  bytes.write('\u007fELF\u0002\u0001\u0001', 'latin1');
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(183, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(0x4008_0000n, 24);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(64, 52);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  bytes.writeUInt32LE(1, 64);
  bytes.writeUInt32LE(5, 68);
  bytes.writeBigUInt64LE(0x80n, 72);
  for (const at of [80, 88]) bytes.writeBigUInt64LE(0x4008_0000n, at);
  for (const at of [96, 104]) bytes.writeBigUInt64LE(0x80n, at);
  return bytes;
}

/** The head of an arm64 Image. */
function image(): Uint8Array {
  const bytes = Buffer.alloc(0x80);
  bytes.writeBigUInt64LE(0x20_0000n, 16);
  bytes.write('ARMd', 0x38, 'latin1');
  return bytes;
}

const LOG: Target = {
  name: 'hdr-log',
  seeds: () => {
    const distribution = new Distribution({ highest: 100_000, digits: 2 });
    for (const value of [1, 50, 50, 99_999]) distribution.record(value);
    const interval = { startSeconds: 0, lengthSeconds: 1, tag: 'a', distribution };
    return [Buffer.from(formatLog({ epochSeconds: 1_700_000_000, intervals: [interval, interval] }))];
  },
  words: ['#[StartTime: ', '#[BaseTime: ', 'Tag=', ',0.000,', 'HISTFAAA'],
  read: (bytes) => {
    const { intervals } = parseLog(text(bytes));
    for (const { distribution } of intervals) if (distribution.total > 0) distribution.percentile(99);
  },
};

/** A VM is made for each input, so that an input alone repeats what was found. */
const SMALL_MEMORY = [{ base: 0x4000_0000, bytes: 0x1_0000 }];

const IOCTL: Target = {
  name: 'ioctl',
  // The first byte names the ioctl, the rest are its argument.
  seeds: () =>
    IOCTLS.map(({ struct }, index) =>
      Buffer.concat([Buffer.from([index]), Buffer.alloc(struct?.bytes ?? 8)]),
    ),
  words: ['\u0001\u0000\u0000\u0000', '\u00ff\u00ff\u00ff\u00ff', '\u0000\u0000\u0008\u0008'],
  read: (bytes) => {
    const ioctl = IOCTLS[(bytes[0] ?? 0) % IOCTLS.length];
    const argument = Uint8Array.from(bytes.subarray(1, 1 + 64 * 1024));
    if (!ioctl) return;
    parseHex(Buffer.from(argument.subarray(0, 64)).toString('hex'));
    const { vm, gic } = createInitialisedVm({
      idBits: 14,
      events: 16,
      devices: 4,
      eventfds: 8,
      memory: SMALL_MEMORY,
    });
    const context = ioctl.on === 'device' ? { fd: gic } : {};
    attempt(() => explainIoctl(ioctl.name, argument));
    applyIoctl(vm, ioctl.name, argument, {
      ...context,
      value: argument[0] ?? 0,
      memory: () => argument.subarray(0, 8),
    });
  },
};

/** A part may refuse what another part takes. */
function attempt(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_'))) throw error;
  }
}

export const TARGETS: readonly Target[] = [
  RECORDING,
  VECTOR,
  ANSWERS,
  TOKEN,
  GUEST_TOKEN,
  SYMBOLS,
  RESULT,
  KERNEL,
  IOCTL,
  LOG,
  GDB,
  ...MACHINE_TARGETS,
];
