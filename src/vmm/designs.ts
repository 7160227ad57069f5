import { FIRST_SPI } from '../arch/intid.ts';
import { DIRECT as DIRECT_KERNEL } from '../kvm/designs/direct.ts';
import { FIXED_IDENTITY as FIXED_IDENTITY_KERNEL } from '../kvm/designs/fixed-identity.ts';
import { LINE_ROUTED as LINE_ROUTED_KERNEL } from '../kvm/designs/line-routed.ts';
import { MERGED as MERGED_KERNEL } from '../kvm/designs/merged.ts';
import { MSI_SPI as MSI_SPI_KERNEL } from '../kvm/designs/msi-spi.ts';
import { RFC as RFC_KERNEL } from '../kvm/designs/rfc.ts';
import { UNROUTED as UNROUTED_KERNEL } from '../kvm/designs/unrouted.ts';
import type { Vm } from '../kvm/vm.ts';
import type { Design, DesignName, DesignSource } from './design.ts';
import { NamedUserland } from './named-userland.ts';
import type { VmmPolicy } from './policies.ts';
import { TableUserland } from './table-userland.ts';

/** A design whose MSIs name SPIs: it has no more vectors than SPIs. */
class MsiSpiUserland extends TableUserland {
  readonly #spis: number;

  constructor(vm: Vm, policy: VmmPolicy | undefined) {
    super(vm, true, policy);
    this.#spis = vm.vgic.spis;
  }

  override carries(source: DesignSource): boolean {
    return (
      source.kind === 'wired' || (source.eventId >= FIRST_SPI && source.eventId < FIRST_SPI + this.#spis)
    );
  }
}

/**
 * Linux since 4.8: one table from GSIs to pins and MSIs. The kernel fills the table with the identity of the wired
 * interrupts at first; the DeviceID rides in an MSI route under a flag.
 * @see KVM_CAP_IRQ_ROUTING, KVM_MSI_VALID_DEVID, KVM_CAP_MSI_DEVID
 */
const MERGED: Design = {
  ...MERGED_KERNEL,
  letter: '-',
  title: 'GSI table with a default identity, DeviceID by a flag',
  status: 'merged, Linux 4.8 on',
  names: {
    guest: ['intid', 'devid:evid'],
    userland: ['gsi', 'devid:evid'],
    kernel: ['gsi', 'devid:evid', 'intid'],
    device: ['devid:evid'],
  },
  makeUserland: (vm, policy) => new TableUserland(vm, true, policy),
};

/**
 * A: Linux 4.1 to 4.7. irqfd.gsi is the SPI's INTID - 32; KVM_SET_GSI_ROUTING does not exist. An irqfd cannot name an
 * MSI: userland would have to read the eventfd itself and call KVM_SIGNAL_MSI.
 */
const UNROUTED: Design = {
  ...UNROUTED_KERNEL,
  letter: 'A',
  title: 'irqfd names the SPI, no table',
  status: 'Linux 4.1 to 4.7, replaced',
  names: { guest: ['intid'], userland: ['gsi'], kernel: ['gsi', 'intid'], device: [] },
  makeUserland: (vm) =>
    new NamedUserland(vm, (source) => (source.kind === 'wired' ? { gsi: source.pin as number } : undefined)),
};

/**
 * B and C: the RFC of June 2015. The table is mandatory: the kernel fills in nothing, and without a route no interrupt
 * is injected, wired interrupts included. An MSI with a DeviceID has its own type, EXTENDED_MSI; 4 was the next free
 * number at the time, and HV_SINT took it later. (The tables of the time had 1,024 routes; here they have 4,096, for
 * comparison.)
 */
const RFC: Design = {
  ...MERGED,
  ...RFC_KERNEL,
  letter: 'B + C',
  title: 'mandatory GSI table, EXTENDED_MSI routes',
  status: 'RFC of June 2015; merged in a relaxed form, the type rejected',
};

/**
 * D: proposed by Andre Przywara, so that no table mirrors the ITS's own mapping: KVM_IRQFD carries the DeviceID in its
 * padding and the EventID in `gsi`. Wired sources have the names of A. The call has no doorbell, so there is one ITS.
 */
const DIRECT: Design = {
  ...DIRECT_KERNEL,
  letter: 'D',
  title: 'irqfd carries DevID:EvID, no table',
  status: 'proposed in 2015, not merged',
  names: {
    guest: ['intid', 'devid:evid'],
    userland: ['devid:evid'],
    kernel: ['devid:evid', 'intid'],
    device: ['devid:evid'],
  },
  makeUserland: (vm) =>
    new NamedUserland(vm, (source) =>
      source.kind === 'wired'
        ? { gsi: source.pin as number }
        : { gsi: source.eventId as number, deviceId: source.deviceId },
    ),
};

/**
 * E: patch 6 of the RFC, for GICv2M: kvm_set_msi injects the SPI that the MSI's data names. The route's DeviceID and
 * doorbell mean nothing. The design has no LPIs, and no more vectors than SPIs. (QEMU needs no such design: it maps the
 * data to a GSI itself.)
 */
const MSI_SPI: Design = {
  ...MSI_SPI_KERNEL,
  letter: 'E',
  title: 'MSI data names the SPI, as GICv2M',
  status: 'RFC of June 2015, kernel part not merged',
  names: { guest: ['intid'], userland: ['gsi', 'intid'], kernel: ['gsi', 'intid'], device: ['intid'] },
  makeUserland: (vm, policy) => new MsiSpiUserland(vm, policy),
};

/**
 * F: the RFC's open question whether irqchip routes are needed. The kernel keeps the identity of the wired interrupts
 * to itself, and userland's table has only MSIs.
 */
const FIXED_IDENTITY: Design = {
  ...MERGED,
  ...FIXED_IDENTITY_KERNEL,
  letter: 'F',
  title: 'irqchip identity in the kernel, table for MSIs only',
  status: 'open question of 2015; in effect what a VM has after vgic initialisation',
  makeUserland: (vm, policy) => new TableUserland(vm, false, policy),
};

/**
 * H: KVM_IRQ_LINE goes through the table too, as on x86. Its number is a GSI, so the packed form of arm64, whose type
 * field starts at bit 24, is just a GSI out of range; and PPIs, which no table has, cannot be driven.
 */
const LINE_ROUTED: Design = {
  ...MERGED,
  ...LINE_ROUTED_KERNEL,
  letter: 'H',
  title: 'KVM_IRQ_LINE goes through the table',
  status: 'discussed in 2015, not merged: it conflicts with the packed irq field',
};

/**
 * Every design by its name. G of the debate is missing: DeviceIDs in the padding of KVM_CAP_ASSIGN_DEV_IRQ's struct
 * were rejected because that interface was on its way out, and a model of G would be D with another call.
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
