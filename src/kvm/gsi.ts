import type { In } from '../arch/intid.ts';

/** Userland's number for an interrupt source: key of the routing table and of an irqfd, 0 to 4,095. The guest never sees it. */
export type Gsi = In<'gsi'>;

/** A file descriptor of the VM, from 0 on: an eventfd, below `eventfds`; or a device of KVM_CREATE_DEVICE, a vCPU, above. */
export type Fd = In<'fd'>;

/** KVM_MAX_IRQ_ROUTES: the limit of a table's GSIs, and of its routes. @see include/linux/kvm_host.h */
export const MAX_IRQ_ROUTES = 4096;

/** KVM_IRQCHIP_NUM_PINS on arm64: 1020 - 32. @see include/kvm/arm_vgic.h */
export const IRQCHIP_PINS = 988;
