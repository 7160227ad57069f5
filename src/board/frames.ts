import { GICD_BYTES, gicrStride, gitsBytes } from '../arch/frames.ts';
import { IrqError } from '../base/irq-error.ts';
import { type MachineConfig, sizesOf } from './config.ts';

/** Guest-physical address of the control frame of an ITS: a `Machine` has its ITSes one behind the other. */
export function itsFrame({ itsBase, vpes }: Pick<MachineConfig, 'itsBase' | 'vpes'>, its: number): number {
  return itsBase + its * gitsBytes(vpes);
}

/**
 * Checks that the register frames of a machine overlap neither each other nor its memory.
 * @throws IrqError `ERR_CONFIG` that names the first frame that overlaps another
 */
export function checkFrames(config: MachineConfig): void {
  const { vcpus, gicdBase, gicrBase, itsBase, memory, vpes } = config;
  const { itses } = sizesOf(config);
  const ranges = [
    { name: 'the distributor (gicdBase)', base: gicdBase, bytes: GICD_BYTES },
    {
      name: `the redistributors of ${vcpus} vCPUs (gicrBase)`,
      base: gicrBase,
      bytes: vcpus * gicrStride(vpes),
    },
    {
      name: `the ITSes (itsBase), of which there are ${itses},`,
      base: itsBase,
      bytes: itses * gitsBytes(vpes),
    },
    ...memory.map(({ base, bytes }) => ({ name: `memory slot 0x${base.toString(16)}`, base, bytes })),
  ].filter(({ bytes }) => bytes > 0);
  ranges.sort((a, b) => a.base - b.base);
  for (const [index, { name, base }] of ranges.entries()) {
    const below = ranges[index - 1];
    if (below === undefined || below.base + below.bytes <= base) continue;
    throw new IrqError(
      'ERR_CONFIG',
      `${below.name} at 0x${below.base.toString(16)} take 0x${below.bytes.toString(16)} bytes, and ${name} begin at 0x${base.toString(16)}: the frames of a machine overlap nothing`,
    );
  }
}
