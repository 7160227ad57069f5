import type { DeviceId } from '../arch/intid.ts';

/** A PCI function: segment (domain), bus, device, function. */
export type PciFunction = {
  readonly segment: number;
  readonly bus: number;
  readonly device: number;
  readonly function: number;
};

/** How a VMM hands out GSIs, masks a vector, and makes a DeviceID of a PCI function. */
export type VmmPolicy = {
  readonly name: 'qemu' | 'firecracker' | 'cloud-hypervisor';
  /** One past the highest GSI that it hands out. @param routes - what KVM_CAP_IRQ_ROUTING answers */
  readonly limit: (routes: number) => number;
  /**
   * What masks a vector: taking its irqfd away, so that events stay in the eventfd, or its route, so that the kernel
   * drops them: then the table has the unmasked vectors only.
   */
  readonly maskBy: 'irqfd' | 'route';
  /** Whether an irqfd is registered before the route of its GSI is in the table. */
  readonly irqfdFirst: boolean;
  readonly deviceIdOf: (from: PciFunction) => DeviceId;
};

const devfnOf = ({ device, function: fn }: PciFunction) => ((device & 0x1f) << 3) | (fn & 7);

/** The requester ID: bus and devfn. Two segments have the same. */
const requesterId = (from: PciFunction) => ((from.bus & 0xff) << 8) | devfnOf(from);

/** @see kvm-all.c, arm_gicv3_its_kvm.c; firecracker's and cloud-hypervisor's interrupt managers */
export const VMM_POLICIES = {
  qemu: {
    name: 'qemu',
    limit: (routes) => routes - 1,
    maskBy: 'irqfd',
    irqfdFirst: false,
    deviceIdOf: requesterId,
  },
  firecracker: {
    name: 'firecracker',
    limit: (routes) => routes,
    maskBy: 'route',
    irqfdFirst: true,
    deviceIdOf: requesterId,
  },
  'cloud-hypervisor': {
    name: 'cloud-hypervisor',
    limit: (routes) => routes,
    maskBy: 'route',
    irqfdFirst: true,
    // KVM's DeviceIDs have 16 bits: the segment takes the place of the bus, of which each segment has one.
    deviceIdOf: (from) => ((from.segment & 0xff) << 8) | devfnOf(from),
  },
} as const satisfies Readonly<Record<VmmPolicy['name'], VmmPolicy>>;
