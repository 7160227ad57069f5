import { DISTRIBUTOR_INTIDS, END_SPI, FIRST_SPI, type Intid } from '../arch/intid.ts';
import { doubleWords, identification, RegisterTable, word, zero } from '../arch/register-table.ts';
import { gicd } from '../arch/registers.ts';
import { ENABLE_GROUP1 } from '../arch/tables.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX, type Mutex } from '../memory/mutex.ts';
import { load, store, type Words } from '../memory/word.ts';
import { vcpuWith } from './affinity.ts';
import { type InterruptBank, interruptRegisters } from './interrupt-registers.ts';
import { type Interrupts, NONE } from './interrupts.ts';
import type { ItsPresence } from './its-presence.ts';
import type { GicPersonality } from './personality.ts';
import { type MappedLpis, reroute, setForwarding } from './queueing.ts';
import { NO_TARGET } from './state.ts';

/** GICD_CTLR: ARE is bit 4, DS bit 6, and both are always 1. */
const ALWAYS_ON = 0x50;
const LPIS = 1 << 17;
/** GICD_TYPER.IDbits of a machine without LPIs. */
const ID_BITS_WITHOUT_LPIS = 10;

export type DistributorRegions = {
  readonly lock: Region;
  readonly revision: Region;
  /** One word: see {@link ItsPresence}. */
  readonly its: Region;
  /** Two words an SPI: its GICD_IROUTER. */
  readonly routers: Region;
};

/** Adds the distributor's own registers to a layout. Registers with a field for each interrupt live in the state words. */
export function distributorRegions(layout: Layout, spis: number): DistributorRegions {
  return layout.group('gicd', { lock: MUTEX, revision: 1, its: 1, routers: 2 * spis });
}

/** Facts of the machine that GICD_TYPER reports. */
export type DistributorConfig = { readonly idBits: number; readonly its: ItsPresence };

type Frame = InterruptBank & {
  readonly words: Words;
  readonly regions: DistributorRegions;
  readonly config: DistributorConfig;
  readonly lpis: MappedLpis;
  readonly lock: Mutex;
};

const REGISTERS = new RegisterTable<Frame>([
  word('GICD_CTLR', gicd.CTLR, readControl, writeControl),
  word('GICD_TYPER', gicd.TYPER, readType),
  word('GICD_IIDR', gicd.IIDR, (frame) => frame.personality.iidr | (revision(frame) << 12)),
  zero('GICD_TYPER2', gicd.TYPER2),
  word('GICD_STATUSR', gicd.STATUSR, (frame) => frame.personality.distributorStatus),
  // Message-based SPIs: TYPER.MBIS is 0.
  zero('GICD_SETSPI_NSR', gicd.SETSPI_NSR),
  zero('GICD_CLRSPI_NSR', gicd.CLRSPI_NSR),
  zero('GICD_SETSPI_SR', gicd.SETSPI_SR),
  zero('GICD_CLRSPI_SR', gicd.CLRSPI_SR),
  ...interruptRegisters<Frame>('GICD_', 0, DISTRIBUTOR_INTIDS),
  // Only without affinity routing, or with two security states.
  zero('GICD_ITARGETSR', gicd.ITARGETSR, DISTRIBUTOR_INTIDS, [1, 4]),
  zero('GICD_IGRPMODR', gicd.IGRPMODR, DISTRIBUTOR_INTIDS / 8),
  zero('GICD_NSACR', gicd.NSACR, DISTRIBUTOR_INTIDS / 4),
  zero('GICD_SGIR', gicd.SGIR),
  zero('GICD_CPENDSGIR', gicd.CPENDSGIR, 16, [1, 4]),
  zero('GICD_SPENDSGIR', gicd.SPENDSGIR, 16, [1, 4]),
  doubleWords('GICD_IROUTER', gicd.IROUTER, END_SPI, readRouter, writeRouter),
  identification('GICD_PIDR', gicd.PIDR4, (frame) => frame.personality.distributorIds),
]);

/**
 * The distributor's frame of 64 KiB. Any thread may read and write. A write to one interrupt's field is one
 * compare-and-swap of its state; a write that needs several words takes the configuration lock, which a thread takes
 * before every other lock of the interrupt controller (gicv3-its-model, 10.2).
 * @see Arm IHI 0069, "Distributor register descriptions"; vgic-mmio-v3.c
 */
export class Distributor {
  readonly #frame: Frame;

  constructor(
    words: Words,
    regions: DistributorRegions,
    interrupts: Interrupts,
    lpis: MappedLpis,
    personality: GicPersonality,
    config: DistributorConfig,
    lock: Mutex,
  ) {
    this.#frame = {
      words,
      regions,
      interrupts,
      lpis,
      personality,
      config,
      lock,
      vcpu: 0,
      from: FIRST_SPI,
      to: DISTRIBUTOR_INTIDS,
      fixedTriggers: FIRST_SPI,
    };
  }

  reset(): void {
    const { words, regions, personality, interrupts } = this.#frame;
    store(words, regions.revision.at, personality.revision);
    for (let index = 0; index < regions.routers.words; index++) store(words, regions.routers.at + index, 0);
    interrupts.setForwarding(0);
  }

  /**
   * Reads a register.
   * @param offset - 0 to 0xffff
   * @param size - 1, 2, 4 or 8 bytes; a size that the register does not support reads as zero
   */
  read(offset: number, size: number): bigint {
    return REGISTERS.read(this.#frame, offset, size);
  }

  /** Writes a register; ignores read-only registers and unsupported sizes. */
  write(offset: number, size: number, value: bigint): void {
    REGISTERS.write(this.#frame, offset, size, value);
  }

  /** GICD_IIDR.Revision: 1 to 3 in KVM, where userspace may choose it. 3 brings GICR_CTLR.CES and IR, and INVLPIR. */
  get revision(): number {
    return revision(this.#frame);
  }

  set revision(value: number) {
    store(this.#frame.words, this.#frame.regions.revision.at, value & 0xf);
  }
}

/** The distributor's registers by name: for consoles and tests. */
export const DISTRIBUTOR_REGISTERS = REGISTERS.rows.map(({ name, at, bytes, sizes }) => ({
  name,
  at,
  bytes,
  sizes,
}));

function revision(frame: Frame): number {
  return load(frame.words, frame.regions.revision.at);
}

function readControl({ interrupts, personality }: Frame): number {
  return (interrupts.forwarding & personality.groupEnables) | ALWAYS_ON;
}

function writeControl({ interrupts, lpis, personality, lock }: Frame, value: number): void {
  const enables = value & personality.groupEnables;
  // KVM has one enable, which forwards both groups.
  const groups = personality.groupEnables === ENABLE_GROUP1 && enables !== 0 ? 3 : enables;
  lock.lock();
  try {
    // guard: gicd-ctlr-stops-forwarding
    if (interrupts.forwarding !== groups) setForwarding(interrupts, lpis, groups, personality.requeues);
  } finally {
    lock.unlock();
  }
}

function readType({ interrupts, personality, config }: Frame): number {
  const spis = interrupts.endSpi - FIRST_SPI;
  const lines = Math.ceil((spis + personality.countedPrivates) / 32) - 1;
  const idBits = config.its.exists ? config.idBits : ID_BITS_WITHOUT_LPIS;
  return lines | ((idBits - 1) << 19) | (config.its.exists ? LPIS : 0) | personality.distributorFeatures;
}

/** Where the two words of an SPI's router lie, or NONE. */
function routerAt(frame: Frame, intid: Intid): number {
  if (intid < FIRST_SPI || frame.interrupts.find(0, intid) === NONE) return NONE;
  return frame.regions.routers.at + 2 * (intid - FIRST_SPI);
}

function readRouter(frame: Frame, intid: Intid): bigint {
  const at = routerAt(frame, intid);
  if (at === NONE) return 0n;
  return (BigInt(load(frame.words, at + 1) >>> 0) << 32n) | BigInt(load(frame.words, at) >>> 0);
}

function writeRouter(frame: Frame, intid: Intid, value: bigint, mask: bigint): void {
  const at = routerAt(frame, intid);
  if (at === NONE) return;
  const { words, interrupts, personality, lock } = frame;
  lock.lock();
  try {
    const router = ((readRouter(frame, intid) & ~mask) | value) & personality.routerMask;
    store(words, at, Number(BigInt.asIntN(32, router)));
    store(words, at + 1, Number(BigInt.asIntN(32, router >> 32n)));
    const vcpu = vcpuWith(affinityIn(router), interrupts.vcpus);
    // guard: irouter-without-vcpu
    const target = vcpu < 0 ? NO_TARGET : vcpu;
    const state = interrupts.find(0, intid);
    if (personality.requeues) interrupts.retarget(state, intid, target);
    else reroute(interrupts, state, intid, target);
  } finally {
    lock.unlock();
  }
}

/** The affinity in a GICD_IROUTER, Aff3 moved to bits 31:24. Ignores Interrupt_Routing_Mode (bit 31, "any vCPU"). */
function affinityIn(router: bigint): number {
  return Number(router & 0x00ff_ffffn) | (Number((router >> 32n) & 0xffn) << 24);
}
