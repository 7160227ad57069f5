import { SGI_FRAME, VLPI_FRAME } from '../arch/frames.ts';
import { FIRST_LPI, FIRST_PPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { doubleWords, identification, RegisterTable, word, zero } from '../arch/register-table.ts';
import { gicr } from '../arch/registers.ts';
import { ENABLE_LPIS, PENDING_TABLE_ZERO } from '../arch/tables.ts';
import type { Mutex } from '../memory/mutex.ts';
import { affinityOf } from './affinity.ts';
import type { Distributor } from './distributor.ts';
import { type InterruptBank, interruptRegisters } from './interrupt-registers.ts';
import type { Interrupts } from './interrupts.ts';
import type { ItsPresence } from './its-presence.ts';
import type { Lpis } from './lpis.ts';
import type { GicPersonality } from './personality.ts';
import { REGISTER_WRITE_PENDING, type RedistributorWords } from './redistributor-words.ts';
import { sanitiseAttributes } from './table-attributes.ts';
import type { VlpiFrame } from './vlpi-frame.ts';

const PHYSICAL_LPIS = 1n;
const LAST = 1n << 4n;
/** GICR_TYPER of GICv4.1: VLPIS, RVPEID, VSGI. */
const VIRTUAL_LPIS = (1n << 1n) | (1n << 7n) | (1n << 26n);
const PROCESSOR_SLEEP = 1 << 1;
const CHILDREN_ASLEEP = 1 << 2;
const TABLE_ATTRIBUTES = { share: 10n, inner: 7n, outer: 56n };
/** Bits of the table registers that KVM stores: all except RES0. The address has 52 bits. */
const PROPBASER_BITS = 0x070f_ffff_ffff_ff9fn;
const PENDBASER_BITS = 0x470f_ffff_ffff_0f80n;
/** The first revision of KVM's vgic in which the guest may disable LPIs, and INVLPIR and INVALLR work. */
const INVALIDATING_REVISION = 3;

/** The parts of the interrupt controller that a redistributor uses. */
export type RedistributorParts = {
  readonly words: RedistributorWords;
  readonly interrupts: Interrupts;
  readonly personality: GicPersonality;
  readonly distributor: Distributor;
  readonly lpis: Lpis;
  readonly its: ItsPresence;
  /** The configuration lock. */
  readonly lock: Mutex;
  /** The redistributor's LPIs were disabled: drop cached translations. */
  readonly lpisDisabled: (vcpu: VcpuId) => void;
  /** The VLPI frame of a GICv4.1. */
  readonly vlpis: VlpiFrame | undefined;
};

type Frame = InterruptBank & RedistributorParts;

const REGISTERS = new RegisterTable<Frame>([
  word('GICR_CTLR', gicr.CTLR, readControl, writeControl),
  word('GICR_IIDR', gicr.IIDR, (frame) => frame.personality.iidr),
  doubleWords('GICR_TYPER', gicr.TYPER, 1, readType),
  zero('GICR_STATUSR', gicr.STATUSR),
  word('GICR_WAKER', gicr.WAKER, (frame) => frame.words.waker(frame.vcpu), writeWaker),
  // Direct LPIs: TYPER.DirectLPI is 0.
  zero('GICR_SETLPIR', gicr.SETLPIR, 8, [8]),
  zero('GICR_CLRLPIR', gicr.CLRLPIR, 8, [8]),
  doubleWords(
    'GICR_PROPBASER',
    gicr.PROPBASER,
    1,
    (frame) => frame.words.propbaser(propbaserOwner(frame)),
    writePropbaser,
  ),
  doubleWords('GICR_PENDBASER', gicr.PENDBASER, 1, readPendbaser, writePendbaser),
  doubleWords('GICR_INVLPIR', gicr.INVLPIR, 1, () => 0n, invalidateOne),
  doubleWords('GICR_INVALLR', gicr.INVALLR, 1, () => 0n, invalidateAll),
  word('GICR_SYNCR', gicr.SYNCR, (frame) => (frame.words.isBusy(frame.vcpu) ? 1 : 0)),
  identification('GICR_PIDR', gicr.PIDR4, (frame) => frame.personality.redistributorIds),

  ...interruptRegisters<Frame>('GICR_', SGI_FRAME, PRIVATE_INTIDS),
  zero('GICR_IGRPMODR', gicr.IGRPMODR0),
  zero('GICR_NSACR', gicr.NSACR),
]);

/**
 * The redistributor of one vCPU: its RD frame and, from offset 0x10000, its SGI frame. Any thread may read and write; writers
 * exclude each other as in {@link Distributor}.
 * @see Arm IHI 0069, "Redistributor register descriptions"; vgic-mmio-v3.c
 */
export class Redistributor {
  readonly #frame: Frame;
  readonly vcpu: VcpuId;

  constructor(vcpu: VcpuId, parts: RedistributorParts) {
    this.vcpu = vcpu;
    this.#frame = {
      ...parts,
      vcpu,
      from: 0,
      to: PRIVATE_INTIDS,
      fixedTriggers: parts.personality.writablePpiTrigger ? FIRST_PPI : PRIVATE_INTIDS,
    };
  }

  reset(): void {
    const { words, vcpu, personality } = this.#frame;
    words.reset(vcpu);
    words.setWaker(vcpu, personality.waker ? PROCESSOR_SLEEP | CHILDREN_ASLEEP : 0);
    words.setPropbaser(vcpu, personality.tableReset);
    words.setPendbaser(vcpu, personality.tableReset);
    words.setLast(vcpu, vcpu === words.vcpus - 1);
  }

  /** Reads a register. @param offset - 0 to 0x1ffff, with vPEs to 0x3ffff @param size - 1, 2, 4 or 8 bytes */
  read(offset: number, size: number): bigint {
    if (offset >= VLPI_FRAME) return this.#frame.vlpis?.read(offset - VLPI_FRAME, size) ?? 0n;
    return REGISTERS.read(this.#frame, offset, size);
  }

  /** Writes a register; ignores read-only registers and unsupported sizes. */
  write(offset: number, size: number, value: bigint): void {
    if (offset >= VLPI_FRAME) this.#frame.vlpis?.write(offset - VLPI_FRAME, size, value);
    else REGISTERS.write(this.#frame, offset, size, value);
  }

  /** GICR_TYPER.Last: no other redistributor follows in the same region. After reset, only the last vCPU's is set. */
  get last(): boolean {
    return this.#frame.words.isLast(this.vcpu);
  }

  set last(value: boolean) {
    this.#frame.words.setLast(this.vcpu, value);
  }
}

/** The redistributor's registers by name: for consoles and tests. */
export const REDISTRIBUTOR_REGISTERS = REGISTERS.rows.map(({ name, at, bytes, sizes }) => ({
  name,
  at,
  bytes,
  sizes,
}));

function readControl({ words, vcpu, personality, distributor }: Frame): number {
  return (
    words.control(vcpu) |
    (distributor.revision < personality.revision ? 0 : personality.redistributorFeatures)
  );
}

/**
 * Writes GICR_CTLR.EnableLPIs. As in KVM, the writer that changes the control word by compare-and-swap does the work; a concurrent
 * writer of the same value finds the word changed and returns.
 * @see vgic_mmio_write_v3r_ctlr
 */
function writeControl(frame: Frame, value: number): void {
  if (!frame.its.exists) return;
  const { words, vcpu, lpis, personality } = frame;
  if ((value & ENABLE_LPIS) !== 0) {
    if (!words.moveControl(vcpu, 0, ENABLE_LPIS)) return;
    if (personality.storesPending) lpis.loadPending(vcpu);
    else if ((words.pendbaser(vcpu) & PENDING_TABLE_ZERO) === 0n) lpis.syncPending(vcpu);
    return;
  }
  if (!words.moveControl(vcpu, ENABLE_LPIS, REGISTER_WRITE_PENDING)) return;
  if (personality.storesPending) lpis.storePending(vcpu);
  else lpis.forget(vcpu);
  // guard: disabled-lpis-leave-cache
  frame.lpisDisabled(vcpu);
  words.moveControl(vcpu, REGISTER_WRITE_PENDING, 0);
}

function readType({ words, vcpu, personality, its, vlpis }: Frame): bigint {
  return (
    (BigInt(affinityOf(vcpu)) << 32n) |
    (BigInt(vcpu) << 8n) |
    (its.exists ? PHYSICAL_LPIS : 0n) |
    (vlpis === undefined ? 0n : VIRTUAL_LPIS) |
    (words.isLast(vcpu) ? LAST : 0n) |
    BigInt(personality.commonLpiAffinity)
  );
}

/** Writes GICR_WAKER. ChildrenAsleep follows ProcessorSleep at once. */
function writeWaker({ words, vcpu, personality }: Frame, value: number): void {
  if (!personality.waker) return;
  words.setWaker(vcpu, (value & PROCESSOR_SLEEP) === 0 ? 0 : PROCESSOR_SLEEP | CHILDREN_ASLEEP);
}

/** The vCPU whose words store the PROPBASER of this frame. */
function propbaserOwner({ vcpu, personality }: Frame): VcpuId {
  return personality.sharedPropbaser ? 0 : vcpu;
}

function writePropbaser(frame: Frame, _index: number, value: bigint, mask: bigint): void {
  const { words, personality } = frame;
  const owner = propbaserOwner(frame);
  writeTable(frame, () => {
    const written = (words.propbaser(owner) & ~mask) | value;
    words.setPropbaser(
      owner,
      personality.sanitisesTables ? sanitiseAttributes(written, TABLE_ATTRIBUTES) & PROPBASER_BITS : written,
    );
  });
}

function readPendbaser({ words, vcpu, personality }: Frame): bigint {
  const value = words.pendbaser(vcpu);
  return personality.honoursPtz ? value & ~PENDING_TABLE_ZERO : value;
}

function writePendbaser(frame: Frame, _index: number, value: bigint, mask: bigint): void {
  const { words, vcpu, personality } = frame;
  writeTable(frame, () => {
    const written = (words.pendbaser(vcpu) & ~mask) | value;
    words.setPendbaser(
      vcpu,
      personality.sanitisesTables ? sanitiseAttributes(written, TABLE_ATTRIBUTES) & PENDBASER_BITS : written,
    );
  });
}

/** Writes a table register, unless LPIs are enabled and the personality locks table registers then. */
function writeTable({ words, vcpu, personality, lock }: Frame, write: () => void): void {
  lock.lock();
  try {
    if (!personality.locksTables || words.control(vcpu) !== ENABLE_LPIS) write();
  } finally {
    lock.unlock();
  }
}

function invalidateOne(frame: Frame, _index: number, value: bigint, mask: bigint): void {
  invalidate(frame, mask, (lpis) => {
    const lpi: Intid = Number(value & 0xffff_ffffn);
    if (lpi >= FIRST_LPI && lpi < lpis.limit) lpis.reload(lpi);
  });
}

function invalidateAll(frame: Frame, _index: number, _value: bigint, mask: bigint): void {
  invalidate(frame, mask, (lpis) => lpis.reloadAll(frame.vcpu));
}

/** Reloads LPI configurations. A write to the upper half alone addresses vPEs; the machine has none. */
function invalidate(frame: Frame, mask: bigint, reload: (lpis: Lpis) => void): void {
  const { words, vcpu, personality, distributor, lpis } = frame;
  if (!personality.invalidates || distributor.revision < INVALIDATING_REVISION) return;
  if ((mask & 1n) === 0n || words.control(vcpu) !== ENABLE_LPIS) return;
  words.addBusy(vcpu, 1);
  reload(lpis);
  words.addBusy(vcpu, -1);
}
