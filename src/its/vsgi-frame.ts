import { gits } from '../arch/registers.ts';
import type { ItsState } from './state.ts';

const SGI = 0xfn;
const VPE_SHIFT = 32n;
const VPE = 0xffffn;

/**
 * A write to the third frame of an ITS of GICv4.1: GITS_SGIR makes a vSGI pending in a vPE. Takes 64 bits at once; ignored for a vPE
 * that is not mapped. Any thread. @see Arm IHI 0069H, GITS_SGIR
 */
export function sendSgi({ lock, vpes }: ItsState, offset: number, bytes: number, value: bigint): void {
  if (offset !== gits.SGIR || bytes !== 8 || vpes === undefined) return;
  const vpe = Number((value >> VPE_SHIFT) & VPE);
  lock.lock();
  try {
    if (vpe < vpes.count && vpes.isMapped(vpe)) vpes.signal(vpe, Number(value & SGI));
  } finally {
    lock.unlock();
  }
}
