import { FRAME_BYTES, GICD_BYTES, GICR_STRIDE } from '../../arch/frames.ts';
import { KvmError } from '../../kvm/kvm-error.ts';
import {
  MOST_REGIONS,
  type RedistributorRegion,
  VGIC_V2,
  type VgicState,
} from '../../kvm/vgic/vgic-state.ts';
import { V2_CPU_BYTES, V2_GICD_BYTES } from '../v2-bus.ts';
import { checkFrame, refuse } from './attribute.ts';

/** Bits of a redistributor region's value: count 63:52, base 51:16, flags 15:12, index 11:0. */
const COUNT_SHIFT = 52n;
const BASE = 0x000f_ffff_ffff_0000n;
const FLAGS = 0xf000n;
const INDEX = 0xfffn;

/** Encodes the value of KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION. */
export function packRegion(index: number, { base, count }: RedistributorRegion): bigint {
  return (BigInt(count) << COUNT_SHIFT) | BigInt(base) | BigInt(index);
}

export function regionIndex(value: bigint): number {
  return Number(value & INDEX);
}

/** Bytes of a region; the older single one has room for every vCPU that exists. */
export function bytesOf({ count }: RedistributorRegion, vcpus: number): number {
  return GICR_STRIDE * (count === 0 ? vcpus : count);
}

/**
 * KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION.
 * @throws KvmError EINVAL, E2BIG
 */
export function addRegion(vgic: VgicState, value: bigint, physBits: number): void {
  const count = Number(value >> COUNT_SHIFT);
  if (count === 0 || (value & FLAGS) !== 0n) {
    refuse('EINVAL', 'a redistributor region has a count above 0 in bits 63:52, and flags 0 in bits 15:12');
  }
  place(vgic, regionIndex(value), value & BASE, count, physBits);
}

/** KVM_VGIC_V3_ADDR_TYPE_REDIST: one region for all. @throws KvmError EEXIST, EINVAL, E2BIG */
export function addOnlyRegion(vgic: VgicState, base: bigint, physBits: number): void {
  place(vgic, 0, base, 0, physBits);
}

/** @see vgic_v3_alloc_redist_region in vgic-mmio-v3.c */
function place(vgic: VgicState, index: number, base: bigint, count: number, physBits: number): void {
  const regions = vgic.redistributors;
  const bytes = bytesOf({ base: 0, count }, vgic.onlineVcpus);
  if (base + BigInt(bytes) >= 1n << 64n) refuse('EINVAL', 'the region wraps at the end of memory');
  const single = regions.some((region) => region.count === 0);
  if (count === 0 && regions.length > 0) {
    if (!single)
      refuse('EINVAL', 'this VM has redistributor regions with a count: one for all cannot be added');
    refuse('EEXIST', 'the redistributors have their place already');
  }
  if (single)
    refuse('EINVAL', 'the redistributors of this VM lie in one region for all: no other can be added');
  if (index !== regions.length)
    refuse(
      'EINVAL',
      `regions are added in the order of their indexes: the next is ${regions.length}, not ${index}`,
    );
  if (regions.length === MOST_REGIONS)
    refuse('ENOMEM', `there is room for ${MOST_REGIONS} redistributor regions`);
  const own = { base: Number(base), bytes };
  if (count === 0 && overlaps(own, { base: vgic.distributor, bytes: GICD_BYTES }))
    refuse('EINVAL', 'the redistributors overlap the distributor');
  for (const region of regions) {
    if (overlaps(own, { base: region.base, bytes: bytesOf(region, vgic.onlineVcpus) }))
      refuse('EINVAL', `the region overlaps the one at 0x${region.base.toString(16)}`);
  }
  vgic.addRedistributors({ base: checkFrame(Number.NaN, base, bytes, FRAME_BYTES, physBits), count });
}

type Span = { readonly base: number; readonly bytes: number };

/** False where either has no place. */
function overlaps(a: Span, b: Span): boolean {
  return a.base < b.base + b.bytes && b.base < a.base + a.bytes;
}

/**
 * Whether a vCPU may run: every frame has its place, and no two share it.
 * @throws KvmError EBUSY, ENXIO, EINVAL
 * @see kvm_vgic_map_resources
 */
export function checkFrames(vgic: VgicState): void {
  if (vgic.model === VGIC_V2) checkV2Frames(vgic);
  else checkV3Frames(vgic);
}

/** @see vgic_v2_map_resources */
function checkV2Frames({ distributorV2, cpuInterface }: VgicState): void {
  if (Number.isNaN(distributorV2) || Number.isNaN(cpuInterface))
    throw new KvmError('KVM_RUN', 'ENXIO', 'the distributor and the CPU interface need an address each');
  const distributor = { base: distributorV2, bytes: V2_GICD_BYTES };
  if (overlaps(distributor, { base: cpuInterface, bytes: V2_CPU_BYTES }))
    throw new KvmError('KVM_RUN', 'EINVAL', 'the distributor and the CPU interface overlap');
}

function checkV3Frames(vgic: VgicState): void {
  const stop = (errno: 'EBUSY' | 'ENXIO' | 'EINVAL', rule: string) => new KvmError('KVM_RUN', errno, rule);
  if (!vgic.initialised) {
    throw stop('EBUSY', 'the vgic is not initialised: KVM_DEV_ARM_VGIC_CTRL_INIT comes first');
  }
  if (Number.isNaN(vgic.distributor)) throw stop('ENXIO', 'the distributor has no address');
  const vcpus = vgic.onlineVcpus;
  const room = vgic.redistributors.reduce((sum, { count }) => sum + (count === 0 ? vcpus : count), 0);
  if (room < vcpus) throw stop('ENXIO', `${vcpus} vCPUs need a redistributor each: ${room} have one`);
  const distributor = { base: vgic.distributor, bytes: GICD_BYTES };
  for (const region of vgic.redistributors) {
    if (overlaps({ base: region.base, bytes: bytesOf(region, vcpus) }, distributor))
      throw stop('EINVAL', 'the distributor and the redistributors overlap');
  }
}

/**
 * Sets GICR_TYPER.Last as KVM reads it: vCPUs fill the regions in their order; the last one of a region is Last, unless the region is
 * full and another one with a redistributor in it begins where it ends. Without a place a redistributor is not Last.
 * @see vgic_mmio_vcpu_rdist_is_last in vgic-mmio-v3.c
 */
export function markLast(redistributors: readonly { last: boolean }[], vgic: VgicState): void {
  const regions = vgic.redistributors;
  let first = 0;
  const filled = regions.map((region) => {
    const room = region.count === 0 ? vgic.onlineVcpus : region.count;
    const used = Math.max(0, Math.min(room, vgic.onlineVcpus - first));
    const at = first;
    first += used;
    return {
      first: at,
      used,
      full: used === region.count,
      end: region.base + GICR_STRIDE * region.count,
      base: region.base,
    };
  });
  for (const redistributor of redistributors) redistributor.last = false;
  for (const { first: at, used, full, end } of filled) {
    const goesOn = full && filled.some(({ base, used: others }) => base === end && others > 0);
    const redistributor = redistributors[at + used - 1];
    if (used > 0 && redistributor && !goesOn) redistributor.last = true;
  }
}
