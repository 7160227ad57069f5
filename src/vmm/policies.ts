import type { DeviceId } from '../arch/intid.ts';

/** A PCI function: segment (domain), bus, device, function. */
export type PciFunction = {
  readonly segment: number;
  readonly bus: number;
  readonly device: number;
  readonly function: number;
};

/** How a VMM allocates GSIs, masks a vector, and makes a DeviceID of a PCI function. */
export type VmmPolicy = {
  readonly name: 'qemu' | 'firecracker' | 'cloud-hypervisor';
  /** One past the highest GSI that the VMM allocates. @param routes - the answer of KVM_CAP_IRQ_ROUTING */
  readonly limit: (routes: number) => number;
  /**
   * How the VMM masks a vector. `irqfd`: removes the irqfd, so events stay in the eventfd. `route`: removes the route,
   * so the kernel drops events, and the table has only the unmasked vectors.
   */
  readonly maskBy: 'irqfd' | 'route';
  /** Whether the VMM registers an irqfd before the route of its GSI is in the table. */
  readonly irqfdFirst: boolean;
  readonly deviceIdOf: (from: PciFunction) => DeviceId;
};

const devfnOf = ({ device, function: fn }: PciFunction) => ((device & 0x1f) << 3) | (fn & 7);

/** The requester ID: bus and devfn. Functions of two segments may have the same. */
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
    // KVM's DeviceIDs have 16 bits: the segment takes the place of the bus, because each segment has one bus.
    deviceIdOf: (from) => ((from.segment & 0xff) << 8) | devfnOf(from),
  },
} as const satisfies Readonly<Record<VmmPolicy['name'], VmmPolicy>>;
