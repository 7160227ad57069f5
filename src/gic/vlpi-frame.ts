import { VLPI_FRAME } from '../arch/frames.ts';
import type { VcpuId } from '../arch/intid.ts';
import { doubleWords, RegisterTable, word } from '../arch/register-table.ts';
import { gicr } from '../arch/registers.ts';
import { VPE_DOORBELL, VPE_GROUPS, VPE_ID, VPE_PENDING_LAST, VPE_VALID } from '../arch/tables.ts';
import { type Layout, LINE, type Records } from '../memory/layout.ts';
import type { Mutex } from '../memory/mutex.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Vpe } from './vpe.ts';

const FIELDS = ['vpropbaseLow', 'vpropbaseHigh', 'vpendbaseLow', 'vpendbaseHigh', 'vsgir'] as const;
const PROPBASE = 0;
const PENDBASE = 2;
const SGIR = 4;
const SGIS = 0xffff;

/** Adds the registers of the VLPI frames of all redistributors to a layout, each on a cache line of its own. */
export function vlpiFrameRegion(layout: Layout, vcpus: number): Records {
  const unused = Array.from({ length: LINE - FIELDS.length }, (_, index) => `unused${index}`);
  return layout.records('gicr.vlpi', vcpus, [...FIELDS, ...unused]);
}

type FrameParts = {
  /** A vPE; undefined where the board has no room for one of that number. */
  readonly vpe: (vpe: number) => Vpe | undefined;
  /** The configuration lock. */
  readonly lock: Mutex;
};
type Frame = FrameParts & { readonly words: Words; readonly at: number; readonly vcpu: VcpuId };

const offsetOf = (register: number) => register - VLPI_FRAME;

const REGISTERS = new RegisterTable<Frame>([
  doubleWords(
    'GICR_VPROPBASER',
    offsetOf(gicr.VPROPBASER),
    1,
    (frame) => read(frame, PROPBASE),
    (frame, _index, value, mask) => write(frame, PROPBASE, (read(frame, PROPBASE) & ~mask) | value),
  ),
  doubleWords(
    'GICR_VPENDBASER',
    offsetOf(gicr.VPENDBASER),
    1,
    (frame) => read(frame, PENDBASE),
    writeVpendbaser,
  ),
  word(
    'GICR_VSGIR',
    offsetOf(gicr.VSGIR),
    () => 0,
    ({ words, at }, value) => store(words, at + SGIR, value & Number(VPE_ID)),
  ),
  word('GICR_VSGIPENDR', offsetOf(gicr.VSGIPENDR), readPendingSgis),
]);

/**
 * The VLPI frame of a redistributor of GICv4.1: which vPE is resident on the PE. VPENDBASER has no Dirty: a write returns when all is
 * done. The group enables read back; a vPE here has no groups. Any thread; writers of VPENDBASER exclude each other by the
 * configuration lock.
 * @see Arm IHI 0069H, GICR_VPENDBASER, GICR_VSGIR, GICR_VSGIPENDR
 */
export class VlpiFrame {
  readonly #frame: Frame;

  constructor(words: Words, frames: Records, vcpu: VcpuId, parts: FrameParts) {
    this.#frame = { ...parts, words, at: frames.at + vcpu * LINE, vcpu };
  }

  /** @param offset - from the start of the frame */
  read(offset: number, size: number): bigint {
    return REGISTERS.read(this.#frame, offset, size);
  }

  write(offset: number, size: number, value: bigint): void {
    REGISTERS.write(this.#frame, offset, size, value);
  }
}

/**
 * Valid 0 to 1 makes a vPE resident; Valid stays 0 where the vPE is not mapped, or is resident on another PE. Valid 1 to 0 ends the
 * residency: Doorbell = 1 arms the default doorbell, and PendingLast reads as whether an interrupt is pending that rings none. A write of
 * PendingLast = 1 with Valid = 0 is a promise to come back: PendingLast stays 1. Valid 1 to 1 does nothing.
 */
function writeVpendbaser(frame: Frame, _index: number, value: bigint, mask: bigint): void {
  frame.lock.lock();
  try {
    const before = read(frame, PENDBASE);
    const written = (before & ~mask) | value;
    const kept = written & (VPE_GROUPS | VPE_ID);
    const wasValid = (before & VPE_VALID) !== 0n;
    const isValid = (written & VPE_VALID) !== 0n;
    if (wasValid && isValid) return;
    const vpe = frame.vpe(Number((wasValid ? before : written) & VPE_ID));
    if (isValid) write(frame, PENDBASE, vpe?.enter(frame.vcpu) ? kept | VPE_VALID : kept);
    else if (!wasValid) write(frame, PENDBASE, written & (VPE_GROUPS | VPE_ID | VPE_PENDING_LAST));
    else {
      // guard: vpendbaser-arms-doorbell
      const isPending = vpe?.leave((written & VPE_DOORBELL) !== 0n) ?? false;
      const comesBack = (value & VPE_PENDING_LAST) !== 0n;
      write(frame, PENDBASE, isPending || comesBack ? kept | VPE_PENDING_LAST : kept);
    }
  } finally {
    frame.lock.unlock();
  }
}

/** The pending vSGIs of the vPE that VSGIR names, a bit each; never Busy. */
function readPendingSgis({ words, at, vpe }: Frame): number {
  return (vpe(load(words, at + SGIR))?.pendingSgis ?? 0) & SGIS;
}

function read({ words, at }: Frame, low: number): bigint {
  return (BigInt(load(words, at + low + 1) >>> 0) << 32n) | BigInt(load(words, at + low) >>> 0);
}

function write({ words, at }: Frame, low: number, value: bigint): void {
  store(words, at + low + 1, Number(BigInt.asIntN(32, value >> 32n)));
  store(words, at + low, Number(BigInt.asIntN(32, value)));
}
