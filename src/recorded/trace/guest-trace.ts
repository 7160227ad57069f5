import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { constants, gunzipSync } from 'node:zlib';
import { excerpt, excerptOfJson, readInputFile } from '../../base/input-file.ts';
import { IrqError } from '../../base/irq-error.ts';
import { JsonLine } from '../../base/json-line.ts';
import { type GuestEvent, readGuestEvent } from './guest-event.ts';

/** The `format` of the header that this version reads. */
const GUEST_FORMAT = 'gicv3-guest-trace/1';

/** The largest file to read, and the largest text after unpacking: about six million events. */
const GUEST_LIMIT_BYTES = 256 * 1024 * 1024;

const WHAT = 'a recorded guest';

/** The first line of a recorded guest. Bases are guest-physical addresses. */
export type GuestHeader = {
  /** vCPUs, 1 to 512. */
  readonly cpus: number;
  /** SPIs, INTID 32 up to `31 + spis`. */
  readonly spis: number;
  readonly gicdBase: number;
  readonly gicrBase: number;
  readonly itsBase: number;
  /** The identification and reset values of the guest's machine, by name, such as `qemu-virt`. */
  readonly personality: string;
  /** How the recording was made; for people. */
  readonly source: string;
};

/** A guest's whole life: its events in the order in which they took effect. */
export type GuestTrace = {
  /** The file's name, as it was given. */
  readonly file: string;
  readonly header: GuestHeader;
  readonly events: readonly GuestEvent[];
};

/** The line of event `index` in the file. */
export const lineOfEvent = (index: number) => index + 2;

/**
 * Reads and checks a recorded guest; recognises gzip by the first two bytes.
 * @throws IrqError `ERR_FILE` if the file is not readable; `ERR_TRACE_FORMAT` with file and line if it is no recorded
 * guest of this format.
 */
export function readGuestTrace(path: string): GuestTrace {
  const bytes = readInputFile(path, WHAT, GUEST_LIMIT_BYTES);
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return parseGuestTrace((packed ? unpack(bytes, path) : bytes).toString('utf8'), path);
}

/** Whether a file exists and begins as a recorded guest: asked before a command writes there. */
export function isGuestRecording(path: string): boolean {
  try {
    if (!statSync(path).isFile()) return false;
    const start = beginningOf(path);
    const text = start[0] === 0x1f && start[1] === 0x8b ? unpackBeginning(start) : start;
    return /^\{[^\n]*"format":\s*"gicv3-guest-trace\//.test(text.toString('latin1'));
  } catch {
    return false;
  }
}

/** The first bytes of a file, more than a header's length. */
function beginningOf(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(0x1_0000);
    return bytes.subarray(0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

function unpackBeginning(bytes: Buffer): Buffer {
  return gunzipSync(bytes, { maxOutputLength: GUEST_LIMIT_BYTES, finishFlush: constants.Z_SYNC_FLUSH });
}

/**
 * As {@link readGuestTrace}, from text read already.
 * @param file - the name to use in messages.
 * @throws IrqError `ERR_TRACE_FORMAT`
 */
export function parseGuestTrace(text: string, file: string): GuestTrace {
  if (text === '') throw new IrqError('ERR_TRACE_FORMAT', `${file}:1: the file is empty; expected ${WHAT}`);
  const line = new JsonLine(file, 'ERR_TRACE_FORMAT');
  const events: GuestEvent[] = [];
  let header: GuestHeader | undefined;
  let number = 0;
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    const content = text.slice(at, end);
    number++;
    if (header === undefined) header = readHeader(content, line, file);
    else {
      line.open(content, number);
      events.push(readGuestEvent(line, header));
    }
    at = end + 1;
  }
  if (header === undefined || events.length === 0) {
    throw new IrqError('ERR_TRACE_FORMAT', `${file}:2: the recording has no events; expected one a line`);
  }
  return { file, header, events };
}

function readHeader(text: string, line: JsonLine, file: string): GuestHeader {
  if (!text.trimStart().startsWith('{')) {
    throw new IrqError(
      'ERR_TRACE_FORMAT',
      `${file}:1: ${excerpt(text)} is neither gzip nor a JSON header; expected ${WHAT} (${GUEST_FORMAT})`,
    );
  }
  line.open(text, 1);
  const format = line.take('format');
  if (format !== GUEST_FORMAT) throw line.error(`${formatProblem(format)}; expected "${GUEST_FORMAT}"`);
  // Unknown fields are no error here: a header describes and does not act.
  return {
    cpus: line.integer('cpus', 1, 512),
    spis: line.integer('spis', 0, 988),
    gicdBase: line.hex('gicdBase', 52),
    gicrBase: line.hex('gicrBase', 52),
    itsBase: line.hex('itsBase', 52),
    personality: line.text('personality'),
    source: line.text('source'),
  };
}

function formatProblem(format: unknown): string {
  if (format === undefined) return 'the header has no format';
  if (typeof format === 'string' && format.startsWith('gicv3-guest-trace/')) {
    return `the format is ${excerpt(format)}, another version`;
  }
  return `the format is ${excerptOfJson(format)}`;
}

function unpack(bytes: Buffer, file: string): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: GUEST_LIMIT_BYTES });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      const said = `unpacks to more than ${GUEST_LIMIT_BYTES} bytes, the most that ${WHAT} may have`;
      throw new IrqError('ERR_TRACE_FORMAT', `${file}:1: ${said}`, { cause: error });
    }
    const reason = error instanceof Error ? error.message : String(error);
    const said =
      code === 'Z_BUF_ERROR'
        ? `the gzip data ends too early, inside this line; the file is truncated`
        : `the gzip data is damaged (${reason})`;
    throw new IrqError('ERR_TRACE_FORMAT', `${file}:${linesBefore(bytes)}: ${said}`, { cause: error });
  }
}

/** The last line of the readable part of truncated gzip data. */
function linesBefore(bytes: Buffer): number {
  try {
    const start = unpackBeginning(bytes);
    let lines = 1;
    for (let at = start.indexOf(10); at >= 0; at = start.indexOf(10, at + 1)) lines++;
    return lines;
  } catch {
    return 1; // damaged rather than cut off: no part of it can be trusted
  }
}
