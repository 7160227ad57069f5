import { GICD_BYTES, GICR_STRIDE, GITS_BYTES } from '../arch/frames.ts';
import type { MachineConfig } from '../board/config.ts';

/** Whether an address lies in a frame of the GIC or an ITS, whose accesses the machine handles. */
export function isMachineFrame(config: MachineConfig, address: number): boolean {
  const within = (base: number, bytes: number) => address >= base && address < base + bytes;
  return (
    within(config.gicdBase, GICD_BYTES) ||
    within(config.itsBase, GITS_BYTES) ||
    within(config.gicrBase, config.vcpus * GICR_STRIDE)
  );
}
