import { gunzipSync, gzipSync } from 'node:zlib';
import { readInputFile } from '../base/input-file.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Machine } from '../board/machine.ts';
import { restoreSnapshot, takeSnapshot } from '../board/snapshot.ts';
import { checkPlan } from './plan-check.ts';
import type { Plan } from './stress-plan.ts';

/** A machine whose proof failed, at rest, with the plan of its threads. */
export type Moment = {
  readonly machine: Machine;
  readonly plan: Plan;
  /** The whole command of the run. */
  readonly command: string;
};

/** The first bytes of a kept moment, unpacked; the number of bytes of the plan follows as a little-endian word. */
const MARK = Buffer.from('irqloom moment 1');
const HEAD_BYTES = MARK.length + 4;

/** Limits of a file, packed and unpacked: a machine of 512 vCPUs takes 200 MB with the slices of its threads. */
const MOST_PACKED = 2 ** 28;
const MOST_BYTES = 2 ** 30;
const MOST_PLAN_BYTES = 2 ** 24;

/**
 * Writes a machine at rest and its plan as the bytes of a file: every vCPU sleeps, or is outside of its guest. Main thread.
 * @throws IrqError `ERR_SNAPSHOT` while a vCPU runs
 */
export function keepMoment({ machine, plan, command }: Moment): Uint8Array {
  const json = Buffer.from(JSON.stringify({ command, plan }));
  const head = Buffer.alloc(HEAD_BYTES);
  MARK.copy(head);
  head.writeUInt32LE(json.length, MARK.length);
  return gzipSync(Buffer.concat([head, json, takeSnapshot(machine, 'copy')]), { level: 1 });
}

/**
 * Reads a kept moment. The file is data: each value of the plan that becomes an index is checked against the machine.
 * @throws IrqError `ERR_FILE`, `ERR_SNAPSHOT`
 */
export function readMoment(path: string): Moment {
  return momentOf(readInputFile(path, 'a kept moment of a stress run', MOST_PACKED), path);
}

/** As {@link readMoment}, of the bytes of the file. `path` is for messages. @throws IrqError `ERR_SNAPSHOT` */
export function momentOf(packed: Uint8Array, path: string): Moment {
  const bytes = unpack(packed, path);
  if (!bytes.subarray(0, MARK.length).equals(MARK) || bytes.length < HEAD_BYTES)
    throw refused(path, 'the file does not start with the mark of a kept moment');
  const planBytes = bytes.readUInt32LE(MARK.length);
  if (planBytes > Math.min(MOST_PLAN_BYTES, bytes.length - HEAD_BYTES))
    throw refused(path, `the plan claims ${planBytes} bytes, more than the file or the limit allows`);
  const { command, plan } = readJson(bytes.subarray(HEAD_BYTES, HEAD_BYTES + planBytes), path);
  const machine = restoreSnapshot(bytes.subarray(HEAD_BYTES + planBytes));
  if (typeof command !== 'string') throw refused(path, 'the command of the run is missing');
  return { machine, plan: checkPlan(plan, machine, (why) => refused(path, why)), command };
}

function unpack(packed: Uint8Array, path: string): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: MOST_BYTES });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw refused(path, `the file cannot be unpacked (${why})`, { cause });
  }
}

function readJson(bytes: Buffer, path: string): { command?: unknown; plan?: unknown } {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw refused(path, 'the plan is not JSON', { cause });
  }
  throw refused(path, 'the plan is not a JSON object');
}

function refused(path: string, why: string, options?: ErrorOptions): IrqError {
  return new IrqError('ERR_SNAPSHOT', `${path} is no kept moment of this version: ${why}`, options);
}
