import type { Design, DesignName } from './design.ts';
import { MERGED } from './merged.ts';

/** Every design by its name. G of the debate, DeviceIDs in the padding of KVM_CAP_ASSIGN_DEV_IRQ's struct, was rejected. */
export const DESIGNS = {
  merged: MERGED,
} as unknown as Readonly<Record<DesignName, Design>>;
