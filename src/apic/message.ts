/**
 * The fields of an interrupt message, in the bits of a redirection table entry's low word: an MSI's data has the same fields
 * in the same places, but for the trigger mode, which lies in bit 15 of both.
 * @see Intel 82093AA, "IOREDTBL"; Intel SDM volume 3, "Message Signalled Interrupts"
 */
export const VECTOR = 0xff;
export const DELIVERY = 0x700;
export const DELIVERY_SHIFT = 8;
/** Bit 11 of an entry: the destination is a logical one. In an MSI, bit 2 of the address. */
export const LOGICAL = 1 << 11;
export const LEVEL_TRIGGERED = 1 << 15;

/** Delivery modes. SMI (2), NMI (4), INIT (5) and ExtINT (7) are left out: a message of that kind is not delivered. */
export const FIXED = 0;
export const LOWEST_PRIORITY = 1;

/** A physical destination that is every local APIC; a logical one likewise. */
export const BROADCAST = 0xff;

/** The window of addresses that reach local APICs: 0xFEExxxxx. */
export const MSI_WINDOW = 0xfee0_0000;

const ADDRESS_DESTINATION_SHIFT = 12;
const ADDRESS_REDIRECTION_HINT = 1 << 3;
const ADDRESS_LOGICAL = 1 << 2;

/** Where an MSI's address leads, as the bits 19:2 of the address. */
export type MsiTarget = number;
const TARGET_SHIFT = 2;
const TARGET = 0x3_ffff;

/**
 * The bits of an address that hold its message's destination. As in KVM, the other bits are ignored, also those that would
 * place the address in the {@link MSI_WINDOW}.
 * @see kvm_set_msi_irq
 */
export function msiTarget(address: number): MsiTarget {
  return (address >>> TARGET_SHIFT) & TARGET;
}

export function destinationOf(target: MsiTarget): number {
  return (target >>> (ADDRESS_DESTINATION_SHIFT - TARGET_SHIFT)) & 0xff;
}

export function isLogical(target: MsiTarget): boolean {
  return (target & (ADDRESS_LOGICAL >>> TARGET_SHIFT)) !== 0;
}

/** Whether the message may go to one of several destinations, in any delivery mode. */
export function hasRedirectionHint(target: MsiTarget): boolean {
  return (target & (ADDRESS_REDIRECTION_HINT >>> TARGET_SHIFT)) !== 0;
}

export type MsiFields = {
  readonly destination: number;
  readonly logical?: boolean;
  readonly lowestPriority?: boolean;
  readonly vector: number;
  readonly level?: boolean;
};

/** The values that a guest's driver writes into a device's MSI capability. */
export function msiOf(fields: MsiFields): { readonly address: number; readonly data: number } {
  const { destination, logical = false, lowestPriority = false, vector, level = false } = fields;
  const where = (destination << ADDRESS_DESTINATION_SHIFT) | (logical ? ADDRESS_LOGICAL : 0);
  const delivery = (lowestPriority ? LOWEST_PRIORITY : FIXED) << DELIVERY_SHIFT;
  return { address: MSI_WINDOW + where, data: vector | delivery | (level ? LEVEL_TRIGGERED : 0) };
}
