import type { Design } from './design.ts';
import { MERGED } from './merged.ts';

/**
 * B and C: the RFC of June 2015. The table is mandatory: the kernel fills none, and without a route nothing is
 * injected, wired interrupts among them. An MSI with a DeviceID has a type of its own, EXTENDED_MSI; 4 was the next
 * free number when it was proposed, and HV_SINT took it later. (The tables of the time had 1,024 routes; here they have
 * 4,096, for the sake of comparison.)
 */
export const RFC: Design = {
  ...MERGED,
  name: 'rfc',
  letter: 'B + C',
  title: 'mandatory GSI table, EXTENDED_MSI routes',
  status: 'RFC of June 2015; merged in a relaxed form, the type rejected',
  table: 'empty',
  extendedMsi: 4,
  initialRoutes: () => [],
};
