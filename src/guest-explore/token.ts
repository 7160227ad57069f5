import { createHash } from 'node:crypto';
import { IrqError } from '../base/irq-error.ts';
import { MEMORY_MODELS, type MemoryModel } from '../boot/plan.ts';
import type { DeviceSpec } from '../platform/virtio/kinds.ts';
import { decodeTurns, encodeTurns, type Turn } from './turn.ts';

/** The contents of a token: the hash of the guest's files, the settings of its boot, and the turns from the start point. */
export type GuestToken = {
  readonly files: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly memoryModel: MemoryModel;
  readonly append: string;
  readonly from: string | number;
  /** The bound of the schedule, instructions. */
  readonly limit: number;
  readonly turns: readonly Turn[];
};

const VERSION = 'g1';
const MOST_VCPUS = 64;
const MOST_MEMORY = 3072;
const MOST_LIMIT = 1e12;

/** A hash of eight digits of the kernel, its other files and its devices. */
export function hashOf(files: readonly Uint8Array[], devices: readonly DeviceSpec[] = []): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file.length}:`).update(file);
  return hash.update(JSON.stringify(devices)).digest('hex').slice(0, 8);
}

/** `g1:files:settings:turns:check`, safe in any shell. */
export function encodeGuestToken(token: GuestToken): string {
  const { files, turns, vcpus, memoryMiB, memoryModel, append, from, limit } = token;
  const settings = Buffer.from(JSON.stringify([vcpus, memoryMiB, memoryModel, append, from, limit]));
  const text = [VERSION, files, settings.toString('base64url'), encodeTurns(turns)].join(':');
  return `${text}:${checkOf(text)}`;
}

/** @throws IrqError `ERR_TOKEN` for damage, another version, or numbers out of range */
export function decodeGuestToken(text: string): GuestToken {
  const parts = text.trim().split(':');
  const [version = '', files = '', settings = '', turns = '', check = ''] = parts;
  if (parts.length !== 5 || !/^g\d+$/.test(version))
    throw wrong(`not a token of a guest: it has the form ${VERSION}:files:settings:turns:check`, text);
  if (version !== VERSION)
    throw wrong(`the token is of version ${version}, and this irqloom reads ${VERSION}: explore again`, text);
  const expected = checkOf(parts.slice(0, 4).join(':'));
  if (check !== expected)
    throw wrong(
      `the token is damaged: its check is ${check}, and by its text ${expected}. Copy it whole`,
      text,
    );
  const read = readSettings(settings);
  const decoded = decodeTurns(turns);
  if (!read || !decoded || !/^[0-9a-f]{8}$/.test(files)) throw wrong('the token cannot be understood', text);
  return { files, ...read, turns: decoded };
}

function readSettings(text: string): Omit<GuestToken, 'files' | 'turns'> | undefined {
  let list: unknown;
  try {
    list = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(list) || list.length !== 6) return undefined;
  const [vcpus, memoryMiB, model, append, from, limit] = list as unknown[];
  const memoryModel = MEMORY_MODELS.find((name) => name === model);
  const isFrom = (value: unknown): value is string | number =>
    typeof value === 'string' || isWhole(value, 0, MOST_LIMIT);
  if (!isWhole(vcpus, 1, MOST_VCPUS) || !isWhole(memoryMiB, 2, MOST_MEMORY)) return undefined;
  if (!isWhole(limit, 1, MOST_LIMIT) || memoryModel === undefined) return undefined;
  if (typeof append !== 'string' || !isFrom(from)) return undefined;
  return { vcpus, memoryMiB, memoryModel, append, from, limit };
}

function isWhole(value: unknown, low: number, high: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
}

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 6);
}

function wrong(why: string, text: string): IrqError {
  return new IrqError('ERR_TOKEN', `${why}: ${JSON.stringify(text.slice(0, 60))}`);
}
