import {
  doubleWords,
  identification,
  lowHalf,
  type Register,
  RegisterTable,
  word,
} from '../arch/register-table.ts';
import { gits } from '../arch/registers.ts';
import { INDIRECT, PAGE_64K, PAGE_SIZE, QUEUE_OFFSET, QUEUE_PAGE_BYTES, VALID } from '../arch/tables.ts';
import { runQueue } from './queue.ts';
import { BASERS } from './register-file.ts';
import {
  COLLECTION_TABLE,
  DEVICE_TABLE,
  type ItsState,
  removeAllCollections,
  removeAllDevices,
  removeAllVpes,
  VPE_TABLE,
} from './state.ts';
import { ENTRY_BYTES } from './table-walk.ts';
import { signal } from './translation.ts';

const ENABLED = 1 << 0;
const QUIESCENT = 1 << 31;
const STALLED = 1;
/** GITS_BASERn.Type and Entry_Size: the types of the tables, and 8 bytes an entry. */
const FIXED = 0x071f_0000_0000_0000n;
const TYPES: readonly (bigint | undefined)[] = [1n, 4n];
/** Of a board with vPEs. */
const VIRTUAL_TYPES: readonly (bigint | undefined)[] = [1n, 4n, 2n];
/** GITS_TYPER of GICv4.1: Virtual, VMOVP, VSGI, VMAPP, SVPET = 1, nID. */
const VIRTUAL_TYPER = (1n << 1n) | (1n << 37n) | (1n << 39n) | (1n << 40n) | (1n << 41n) | (1n << 43n);

/** The registers of an ITS, in its two frames. @see Arm IHI 0069, "The ITS register map" */
const REGISTERS = new RegisterTable<ItsState>([
  word('GITS_CTLR', gits.CTLR, readControl, writeControl),
  word('GITS_IIDR', gits.IIDR, ({ personality, registers }) => personality.iidr | (registers.revision << 12)),
  doubleWords('GITS_TYPER', gits.TYPER, 1, readType),
  doubleWords(
    'GITS_CBASER',
    gits.CBASER,
    1,
    ({ registers }) => registers.cbaser,
    writeCbaser,
    readCbaserHalf,
  ),
  lowHalf('GITS_CWRITER', gits.CWRITER, ({ registers }) => registers.cwriter, writeCwriter),
  lowHalf('GITS_CREADR', gits.CREADR, readCreadr, writeCreadr),
  doubleWords('GITS_BASER', gits.BASER, BASERS, ({ registers }, n) => registers.baser(n), writeBaser),
  identification('GITS_PIDR', gits.PIDR4, ({ personality }) => personality.identification),
  word('GITS_TRANSLATER', gits.TRANSLATER, () => 0, writeTranslater),
]);

/** The register at `offset`. */
export function findRegister(offset: number): Register<ItsState> | undefined {
  return REGISTERS.find(offset);
}

/** A vCPU's read. Reads as zero where no register lies, or the access is misaligned or of the wrong size. */
export function readRegister(its: ItsState, offset: number, bytes: number): bigint {
  return REGISTERS.read(its, offset, bytes);
}

/** A vCPU's write. Ignored where no register lies, on a read-only register, and if misaligned or of the wrong size. */
export function writeRegister(its: ItsState, offset: number, bytes: number, value: bigint): void {
  REGISTERS.write(its, offset, bytes, value);
}

/** A vCPU's read of 32 bits, as a number. */
export function readRegisterWord(its: ItsState, offset: number): number {
  return REGISTERS.readWord(its, offset);
}

/** A vCPU's write of 32 bits, as a number. */
export function writeRegisterWord(its: ItsState, offset: number, value: number): void {
  REGISTERS.writeWord(its, offset, value);
}

/** The value of a GITS_BASERn after a reset. */
export function resetBaser(its: Pick<ItsState, 'personality' | 'vpes'>, n: number): bigint {
  const type = typeOf(its, n);
  return type === undefined ? 0n : its.personality.baserReset | fixedOf(type);
}

/** GITS_BASERn.Type; undefined for a register that describes no table. */
function typeOf({ vpes }: Pick<ItsState, 'vpes'>, n: number): bigint | undefined {
  return (vpes === undefined ? TYPES : VIRTUAL_TYPES)[n];
}

function readType({ personality, vpes }: ItsState): bigint {
  return personality.typer | (vpes === undefined ? 0n : VIRTUAL_TYPER);
}

function readControl({ personality, registers }: ItsState): number {
  const quiescent = !personality.quiescentTellsQueue || registers.creadr === registers.cwriter;
  return (quiescent ? QUIESCENT : 0) | (registers.enabled ? ENABLED : 0);
}

function writeControl(its: ItsState, value: number): void {
  const { events, personality, registers } = its;
  const enable = (value & ENABLED) !== 0;
  exclusively(its, () => {
    if (enable && personality.enableNeedsTables && !registers.enabled && !hasTables(its)) return;
    registers.enabled = enable;
    if (enable) runQueue(its);
    else {
      events.invalidate();
      // After the write returns, no earlier translation is still under way: neither through the cache, inside a reader
      // section, nor on the slow path, which holds the lock from its checks to its latch.
      // guard: its-off-waits-for-readers
      its.readers.synchronize();
      // guard: its-off-waits-for-lock
      its.lock.lock();
      // guard: its-off-frees-lock
      its.lock.unlock();
    }
  });
}

function hasTables({ registers }: ItsState): boolean {
  const all = registers.cbaser & registers.baser(DEVICE_TABLE) & registers.baser(COLLECTION_TABLE);
  return (all & VALID) !== 0n;
}

function writeCbaser(its: ItsState, _index: number, value: bigint, mask: bigint): void {
  const { personality, registers } = its;
  exclusively(its, () => {
    if (registers.enabled) return;
    const written =
      merge(registers.cbaser, value, mask) & ~BigInt(personality.queueAlignment - QUEUE_PAGE_BYTES);
    registers.cbaser = personality.sanitises ? sanitise(written) : written;
    registers.creadr = 0;
    registers.stalled = false;
    if (personality.cbaserResetsCwriter) registers.cwriter = 0;
  });
}

function readCbaserHalf({ registers }: ItsState, half: number): number {
  return half === 0 ? registers.cbaserLow : registers.cbaserHigh;
}

// speed: without a closure, because a driver writes CWRITER for every few commands (bench its).
function writeCwriter(its: ItsState, value: number | undefined): void {
  const { commandLock, personality, registers } = its;
  commandLock.lock();
  try {
    const offset = value === undefined ? registers.cwriter : value & QUEUE_OFFSET;
    if (offset >= registers.queueBytes && !personality.keepsCwriterPastEnd) return;
    registers.cwriter = offset;
    runQueue(its);
  } finally {
    commandLock.unlock();
  }
}

function readCreadr({ registers }: ItsState): number {
  return registers.creadr | (registers.stalled ? STALLED : 0);
}

function writeCreadr(its: ItsState, value: number | undefined): void {
  const { personality, registers } = its;
  if (!personality.creadrWritable) return;
  exclusively(its, () => {
    if (value !== undefined) registers.creadr = value & QUEUE_OFFSET;
    registers.stalled = false;
  });
}

function writeBaser(its: ItsState, n: number, value: bigint, mask: bigint): void {
  const { lock, personality, registers } = its;
  const type = typeOf(its, n);
  if (type === undefined) return;
  exclusively(its, () => {
    if (registers.enabled) return;
    let written = (merge(registers.baser(n), value, mask) & ~FIXED) | fixedOf(type);
    if (n === COLLECTION_TABLE && !personality.indirectCollections) written &= ~INDIRECT;
    if (personality.sanitises) written = sanitise(written);
    if (!personality.pageSizeWritable) written = (written & ~PAGE_SIZE) | PAGE_64K;
    const rewritten = personality.rewritingUnmaps && written !== registers.baser(n);
    registers.setBaser(n, written);
    if ((written & VALID) !== 0n && !rewritten) return;
    lock.lock();
    try {
      if (n === DEVICE_TABLE) removeAllDevices(its);
      else if (n === VPE_TABLE) removeAllVpes(its);
      else removeAllCollections(its);
    } finally {
      lock.unlock();
    }
  });
}

/**
 * A vCPU's own store to the doorbell. Devices take another way: a device's MSI carries its DeviceID beside the address.
 */
function writeTranslater(its: ItsState, value: number): void {
  const deviceId = its.personality.vcpuDeviceId;
  if (deviceId !== undefined) signal(its, deviceId, value);
}

/** A write of all 64 bits. */
const WHOLE = 0xffff_ffff_ffff_ffffn;

/** The value of a register after a write of the bits of `mask`. */
function merge(old: bigint, value: bigint, mask: bigint): bigint {
  return mask === WHOLE ? value : (old & ~mask) | value;
}

function fixedOf(type: bigint): bigint {
  return (type << 56n) | (BigInt(ENTRY_BYTES - 1) << 48n);
}

/**
 * Replaces memory attributes as KVM does: Outer Shareable becomes Inner; an inner cacheability of Device or
 * non-cacheable becomes read-allocate write-back; an outer one that is neither "as inner" nor non-cacheable becomes "as
 * inner".
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
