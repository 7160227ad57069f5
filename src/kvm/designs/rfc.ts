import type { KernelDesign } from './kernel-design.ts';
import { MERGED } from './merged.ts';

/** The kernel's half of the design `rfc`. @see the table of designs in `vmm/designs.ts` */
export const RFC: KernelDesign = {
  ...MERGED,
  name: 'rfc',
  table: 'empty',
  extendedMsi: 4,
  initialRoutes: () => [],
};
