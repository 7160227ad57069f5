import { DISTRIBUTOR_INTIDS, FIRST_SPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../../arch/intid.ts';
import { type Register, RegisterTable, word } from '../../arch/register-table.ts';
import { gicd } from '../../arch/registers.ts';
import { lowestBit } from '../../memory/bits.ts';
import type { Region } from '../../memory/layout.ts';
import { load, store, type Words } from '../../memory/word.ts';
import type { Gic } from '../gic.ts';
import { type InterruptBank, interruptRegisters } from '../interrupt-registers.ts';
import { reroute } from '../queueing.ts';
import { NONE } from '../state.ts';
import type { SgiSources } from './sgi-sources.ts';

/** GICD_CTLR of the GICv3 model: forwards both groups. */
const FORWARD = 2n;
const SGIS = 16;
const SGI_BITS = 0xffff;
const ALL = 0xff;

/** The distributor as one vCPU sees it: INTIDs below 32 are its own. */
type Frame = {
  readonly words: Words;
  readonly targets: Region;
  readonly gic: Gic;
  readonly sgis: SgiSources;
  /** The number of vCPUs that exist. */
  readonly vcpus: () => number;
  readonly vcpu: VcpuId;
  readonly privates: InterruptBank;
  readonly spis: InterruptBank;
};

const ofInterrupts: Register<Frame>[] = interruptRegisters<InterruptBank>('GICD_', 0, DISTRIBUTOR_INTIDS).map(
  (row) => {
    const bank = (frame: Frame, offset: number) =>
      (offset * DISTRIBUTOR_INTIDS) / row.bytes < PRIVATE_INTIDS ? frame.privates : frame.spis;
    // The pending state of an SGI is that of its sources.
    const spares = /PENDR$/.test(row.name);
    return {
      name: row.name,
      at: row.at,
      bytes: row.bytes,
      sizes: row.sizes,
      read: (frame, offset, size) => row.read?.(bank(frame, offset), offset, size) ?? 0n,
      write: (frame, offset, size, value) =>
        row.write?.(
          bank(frame, offset),
          offset,
          size,
          spares && offset === 0 ? value & ~BigInt(SGI_BITS) : value,
        ),
    };
  },
);

/** A register of one byte for each INTID, 0 to `count - 1`. */
function bytes(
  name: string,
  at: number,
  count: number,
  read: (frame: Frame, intid: Intid) => number,
  write: (frame: Frame, intid: Intid, value: number) => void,
): Register<Frame> {
  return {
    name,
    at,
    bytes: count,
    sizes: [1, 4],
    read: (frame, offset, size) => {
      let value = 0;
      for (let byte = 0; byte < size; byte++) value |= read(frame, offset + byte) << (8 * byte);
      return BigInt(value >>> 0);
    },
    write: (frame, offset, size, value) => {
      for (let byte = 0; byte < size; byte++)
        write(frame, offset + byte, Number(value >> BigInt(8 * byte)) & ALL);
    },
  };
}

const REGISTERS = new RegisterTable<Frame>([
  word(
    'GICD_CTLR',
    gicd.CTLR,
    ({ gic }) => (gic.interrupts.forwarding === 0 ? 0 : 1),
    ({ gic }, value) => gic.distributor.write(gicd.CTLR, 4, (value & 1) === 0 ? 0n : FORWARD),
  ),
  word('GICD_TYPER', gicd.TYPER, ({ gic, vcpus }) => {
    const lines = Math.ceil(gic.interrupts.endSpi / 32) - 1;
    return lines | ((vcpus() - 1) << 5);
  }),
  word('GICD_IIDR', gicd.IIDR, ({ gic }) => gic.personality.iidr | (gic.distributor.revision << 12)),
  ...ofInterrupts,
  bytes('GICD_ITARGETSR', gicd.ITARGETSR, DISTRIBUTOR_INTIDS, readTargets, writeTargets),
  word('GICD_SGIR', gicd.SGIR, () => 0, sendSgi),
  bytes('GICD_CPENDSGIR', gicd.CPENDSGIR, SGIS, pending, ({ sgis, vcpu }, sgi, value) =>
    sgis.withdraw(vcpu, sgi, value),
  ),
  bytes('GICD_SPENDSGIR', gicd.SPENDSGIR, SGIS, pending, ({ sgis, vcpu }, sgi, value) =>
    sgis.send(vcpu, sgi, value),
  ),
]);

/** The distributor of a GICv2, a frame of 4 KiB, by the vCPU that accesses it. Any thread. @see vgic-mmio-v2.c */
export class DistributorV2 {
  readonly #frames: readonly Frame[];

  constructor(words: Words, targets: Region, gic: Gic, sgis: SgiSources, vcpus: () => number) {
    const { interrupts, personality } = gic;
    const bank = { interrupts, personality, fixedTriggers: FIRST_SPI };
    this.#frames = gic.cpuInterfaces.map((_, vcpu) => ({
      words,
      targets,
      gic,
      sgis,
      vcpus,
      vcpu,
      privates: { ...bank, vcpu, from: 0, to: PRIVATE_INTIDS },
      spis: { ...bank, vcpu, from: FIRST_SPI, to: DISTRIBUTOR_INTIDS },
    }));
  }

  read(vcpu: VcpuId, offset: number, size: number): bigint {
    return REGISTERS.read(this.#of(vcpu), offset, size);
  }

  write(vcpu: VcpuId, offset: number, size: number, value: bigint): void {
    REGISTERS.write(this.#of(vcpu), offset, size, value);
  }

  /** Whether there is a register at an offset. */
  has(offset: number): boolean {
    return REGISTERS.find(offset) !== undefined;
  }

  #of(vcpu: VcpuId): Frame {
    const frame = this.#frames[vcpu];
    if (!frame) throw new RangeError(`there is no vCPU ${vcpu}`);
    return frame;
  }
}

function pending({ sgis, vcpu }: Frame, sgi: Intid): number {
  return sgis.pending(vcpu, sgi);
}

function readTargets({ words, targets, gic, vcpu }: Frame, intid: Intid): number {
  if (intid < FIRST_SPI) return 1 << vcpu;
  return gic.interrupts.findSpi(intid) === NONE ? 0 : load(words, targets.at + intid - FIRST_SPI);
}

/** Sets the targets of an SPI: it goes to the lowest of them, and to vCPU 0 where there is none. */
function writeTargets({ words, targets, gic, vcpus }: Frame, intid: Intid, value: number): void {
  const at = gic.interrupts.findSpi(intid);
  if (at === NONE) return;
  const mask = value & ((1 << vcpus()) - 1);
  store(words, targets.at + intid - FIRST_SPI, mask);
  reroute(gic.interrupts, at, intid, mask === 0 ? 0 : lowestBit(mask));
}

/** GICD_SGIR: the filter 25:24 (list, all others, the sender), the list 23:16, the INTID 3:0. */
function sendSgi({ sgis, vcpu, vcpus }: Frame, value: number): void {
  const filter = (value >>> 24) & 3;
  const self = 1 << vcpu;
  const list = [(value >>> 16) & ALL, ALL & ~self, self, 0][filter] ?? 0;
  for (let target: VcpuId = 0; target < vcpus(); target++)
    if ((list & (1 << target)) !== 0) sgis.send(target, value & 0xf, self);
}
