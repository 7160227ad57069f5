import type { Design, DesignName } from './design.ts';
import { DIRECT } from './direct.ts';
import { FIXED_IDENTITY } from './fixed-identity.ts';
import { LINE_ROUTED } from './line-routed.ts';
import { MERGED } from './merged.ts';
import { MSI_SPI } from './msi-spi.ts';
import { RFC } from './rfc.ts';
import { UNROUTED } from './unrouted.ts';

/**
 * Every design by its name. G of the debate is not among them: DeviceIDs in the padding of KVM_CAP_ASSIGN_DEV_IRQ's
 * struct were rejected because that interface was on its way out, and a model of it would be D by another call.
 */
export const DESIGNS: Readonly<Record<DesignName, Design>> = {
  merged: MERGED,
  unrouted: UNROUTED,
  rfc: RFC,
  direct: DIRECT,
  'msi-spi': MSI_SPI,
  'fixed-identity': FIXED_IDENTITY,
  'line-routed': LINE_ROUTED,
};
