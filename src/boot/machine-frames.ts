import { ITS_FRAMES_BYTES } from '../kvm/injector.ts';
import type { MachineConfig } from '../machine/config.ts';
import { GICR_STRIDE } from '../machine/mmio.ts';

const GICD_BYTES = 0x1_0000;

/** Whether an address lies in a frame of the interrupt controller, which the machine itself serves. */
export function isMachineFrame(config: MachineConfig, address: number): boolean {
  const within = (base: number, bytes: number) => address >= base && address < base + bytes;
  return (
    within(config.gicdBase, GICD_BYTES) ||
    within(config.itsBase, ITS_FRAMES_BYTES) ||
    within(config.gicrBase, config.vcpus * GICR_STRIDE)
  );
}
