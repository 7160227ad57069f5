import type { ItsPersonality } from './personality.ts';
import { runQueue } from './queue.ts';
import { BASERS } from './register-file.ts';
import {
  COLLECTION_TABLE,
  DEVICE_TABLE,
  type ItsState,
  removeAllCollections,
  removeAllDevices,
} from './state.ts';
import { ENTRY_BYTES } from './table-walk.ts';
import { signal } from './translation.ts';

/** Puts what is written into a register's old value, where the access covers only a part of it. */
type Merge = (old: bigint) => bigint;

/** A register, or some in a row; offsets from the base of the ITS's control frame. */
export type Register = {
  readonly name: string;
  readonly offset: number;
  /** Bytes of all of them. */
  readonly bytes: number;
  /** 64 bits wide, and accessible by halves; else 32 bits. */
  readonly wide: boolean;
  /** What the whole register at `offset` reads as. */
  readonly read: (its: ItsState, offset: number) => bigint;
  /** A write; registers without are read-only, and ignore it. */
  readonly write?: (its: ItsState, offset: number, merge: Merge) => void;
};

const ENABLED = 1n;
const QUIESCENT = 1n << 31n;
const STALLED = 1n;
const VALID = 1n << 63n;
const INDIRECT = 1n << 62n;
/** CWRITER.Offset and CREADR.Offset. */
export const OFFSET = 0xf_ffe0;
/** GITS_BASERn.Type and Entry_Size: what the two tables that there are hold, and 8 bytes an entry. */
const FIXED = 0x071f_0000_0000_0000n;
const TYPES: readonly (bigint | undefined)[] = [1n, 4n];
const PAGE_SIZE = 3n << 8n;
const PAGE_64K = 2n << 8n;

/** The registers of an ITS. Where two could answer the first does. @see Arm IHI 0069, "The ITS register map" */
const REGISTERS: readonly Register[] = [
  { name: 'GITS_CTLR', offset: 0x0000, bytes: 4, wide: false, read: readCtlr, write: writeCtlr },
  { name: 'GITS_IIDR', offset: 0x0004, bytes: 4, wide: false, read: readIidr },
  { name: 'GITS_TYPER', offset: 0x0008, bytes: 8, wide: true, read: (its) => its.personality.typer },
  {
    name: 'GITS_CBASER',
    offset: 0x0080,
    bytes: 8,
    wide: true,
    read: (its) => its.registers.cbaser,
    write: writeCbaser,
  },
  {
    name: 'GITS_CWRITER',
    offset: 0x0088,
    bytes: 8,
    wide: true,
    read: (its) => BigInt(its.registers.cwriter),
    write: writeCwriter,
  },
  { name: 'GITS_CREADR', offset: 0x0090, bytes: 8, wide: true, read: readCreadr, write: writeCreadr },
  {
    name: 'GITS_BASER',
    offset: 0x0100,
    bytes: 8 * BASERS,
    wide: true,
    read: (its, offset) => its.registers.baser((offset - 0x100) >> 3),
    write: (its, offset, merge) => writeBaser(its, (offset - 0x100) >> 3, merge),
  },
  {
    name: 'identification',
    offset: 0xffd0,
    bytes: 0x30,
    wide: false,
    read: (its, offset) => BigInt(its.personality.identification[(offset - 0xffd0) >> 2] ?? 0),
  },
  {
    name: 'GITS_TRANSLATER',
    offset: 0x1_0040,
    bytes: 4,
    wide: false,
    read: () => 0n,
    write: writeTranslater,
  },
];

/** The register that lies at `offset`. */
export function findRegister(offset: number): Register | undefined {
  return REGISTERS.find((register) => offset >= register.offset && offset < register.offset + register.bytes);
}

/** A vCPU's read. What is not there, not aligned or of the wrong size reads as zero. */
export function readRegister(its: ItsState, offset: number, bytes: number): bigint {
  const register = findRegister(offset);
  if (!register || !accepts(register, offset, bytes)) return 0n;
  if (!register.wide) return register.read(its, offset);
  const value = register.read(its, offset & ~7);
  return bytes === 8 ? value : (value >> BigInt(8 * (offset & 4))) & 0xffff_ffffn;
}

/** A vCPU's write. What is not there, not aligned, of the wrong size or read-only ignores it. */
export function writeRegister(its: ItsState, offset: number, bytes: number, value: bigint): void {
  const register = findRegister(offset);
  if (!register?.write || !accepts(register, offset, bytes)) return;
  register.write(its, register.wide ? offset & ~7 : offset, merging(offset, bytes, value));
}

/** What a GITS_BASERn holds after a reset. */
export function resetBaser(personality: ItsPersonality, n: number): bigint {
  return TYPES[n] === undefined ? 0n : personality.baserReset | fixedOf(n);
}

function accepts(register: Register, offset: number, bytes: number): boolean {
  return (bytes === 4 || (bytes === 8 && register.wide)) && offset % bytes === 0;
}

function merging(offset: number, bytes: number, value: bigint): Merge {
  if (bytes === 8) return () => BigInt.asUintN(64, value);
  const shift = BigInt(8 * (offset & 4));
  return (old) => (old & ~(0xffff_ffffn << shift)) | (BigInt.asUintN(32, value) << shift);
}

function readCtlr({ personality, registers }: ItsState): bigint {
  const quiescent = !personality.quiescentTellsQueue || registers.creadr === registers.cwriter;
  return (quiescent ? QUIESCENT : 0n) | (registers.enabled ? ENABLED : 0n);
}

function writeCtlr(its: ItsState, _offset: number, merge: Merge): void {
  const { events, personality, registers } = its;
  const enable = (merge(0n) & ENABLED) !== 0n;
  exclusively(its, () => {
    if (enable && personality.enableNeedsTables && !registers.enabled && !hasTables(its)) return;
    registers.enabled = enable;
    if (enable) runQueue(its);
    else {
      events.invalidate();
      // When the write returns, no translation that was made before is on its way any more: neither by the cache, within a
      // reader section, nor past it, with the lock held from its checks to its latch.
      its.readers.synchronize();
      its.lock.lock();
      its.lock.unlock();
    }
  });
}

function hasTables({ registers }: ItsState): boolean {
  const all = registers.cbaser & registers.baser(DEVICE_TABLE) & registers.baser(COLLECTION_TABLE);
  return (all & VALID) !== 0n;
}

function readIidr({ personality, registers }: ItsState): bigint {
  return BigInt((personality.iidr | (registers.revision << 12)) >>> 0);
}

function writeCbaser(its: ItsState, _offset: number, merge: Merge): void {
  const { personality, registers } = its;
  exclusively(its, () => {
    if (registers.enabled) return;
    const value = merge(registers.cbaser) & ~BigInt(personality.queueAlignment - 4096);
    registers.cbaser = personality.sanitises ? sanitise(value) : value;
    registers.creadr = 0;
    registers.stalled = false;
    if (personality.cbaserResetsCwriter) registers.cwriter = 0;
  });
}

function writeCwriter(its: ItsState, _offset: number, merge: Merge): void {
  const { personality, registers } = its;
  exclusively(its, () => {
    const offset = Number(merge(BigInt(registers.cwriter)) & BigInt(OFFSET));
    if (offset >= registers.queueBytes && !personality.keepsCwriterPastEnd) return;
    registers.cwriter = offset;
    runQueue(its);
  });
}

function readCreadr({ registers }: ItsState): bigint {
  return BigInt(registers.creadr) | (registers.stalled ? STALLED : 0n);
}

function writeCreadr(its: ItsState, _offset: number, merge: Merge): void {
  const { personality, registers } = its;
  if (!personality.creadrWritable) return;
  exclusively(its, () => {
    registers.creadr = Number(merge(BigInt(registers.creadr)) & BigInt(OFFSET));
    registers.stalled = false;
  });
}

function writeBaser(its: ItsState, n: number, merge: Merge): void {
  const { lock, personality, registers } = its;
  if (TYPES[n] === undefined) return;
  exclusively(its, () => {
    if (registers.enabled) return;
    let value = (merge(registers.baser(n)) & ~FIXED) | fixedOf(n);
    if (n === COLLECTION_TABLE && !personality.indirectCollections) value &= ~INDIRECT;
    if (personality.sanitises) value = sanitise(value);
    if (!personality.pageSizeWritable) value = (value & ~PAGE_SIZE) | PAGE_64K;
    registers.setBaser(n, value);
    if ((value & VALID) !== 0n) return;
    lock.lock();
    try {
      if (n === DEVICE_TABLE) removeAllDevices(its);
      else removeAllCollections(its);
    } finally {
      lock.unlock();
    }
  });
}

/** A vCPU's own store to the doorbell. Devices do not come this way: an MSI carries its DeviceID beside the address. */
function writeTranslater(its: ItsState, _offset: number, merge: Merge): void {
  const deviceId = its.personality.vcpuDeviceId;
  if (deviceId !== undefined) signal(its, deviceId, Number(merge(0n)));
}

function fixedOf(n: number): bigint {
  return ((TYPES[n] ?? 0n) << 56n) | (BigInt(ENTRY_BYTES - 1) << 48n);
}

/**
 * Memory attributes that KVM takes: Outer Shareable becomes Inner; an inner cacheability of Device or non-cacheable becomes
 * read-allocate write-back; an outer one that is neither "as inner" nor non-cacheable becomes "as inner".
 * @see vgic_sanitise_field in vgic-mmio-v3.c
 */
function sanitise(value: bigint): bigint {
  let clean = value;
  if (((value >> 10n) & 3n) === 2n) clean = (clean & ~(3n << 10n)) | (1n << 10n);
  if (((value >> 59n) & 7n) <= 1n) clean = (clean & ~(7n << 59n)) | (3n << 59n);
  if (((value >> 53n) & 7n) > 1n) clean &= ~(7n << 53n);
  return clean;
}

function exclusively({ commandLock }: ItsState, act: () => void): void {
  commandLock.lock();
  try {
    act();
  } finally {
    commandLock.unlock();
  }
}
