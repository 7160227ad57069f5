declare const space: unique symbol;
/** Userland's number for an interrupt source: key of the routing table and of an irqfd, 0 to 4,095. The guest never sees it. */
export type Gsi = number & { readonly [space]: 'gsi' };

/** An input of the irqchip, 0 to 987: SPI INTID = pin + 32. Neither a GSI nor an INTID. */
export type Pin = number & { readonly [space]: 'pin' };

/** Number of an eventfd of the machine, 0 to `eventfds - 1`. */
export type Fd = number & { readonly [space]: 'fd' };

/** KVM_MAX_IRQ_ROUTES: GSIs, and routes, that a table can have. @see include/linux/kvm_host.h */
export const MAX_IRQ_ROUTES = 4096;

/** KVM_IRQCHIP_NUM_PINS on arm64: 1020 - 32. @see include/kvm/arm_vgic.h */
export const IRQCHIP_PINS = 988;
