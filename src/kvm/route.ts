import type { DeviceId, Pin } from '../arch/intid.ts';
import { store, type Words } from '../memory/word.ts';
import type { Gsi } from './gsi.ts';

/** KVM_IRQ_ROUTING_IRQCHIP and KVM_IRQ_ROUTING_MSI; 0 is no route. */
export const ROUTE_NONE = 0;
export const ROUTE_IRQCHIP = 1;
export const ROUTE_MSI = 2;

/** KVM_MSI_VALID_DEVID: the DeviceID of the MSI is valid. Required wherever there is an ITS. */
export const MSI_VALID_DEVID = 1 << 0;

/** An entry of the routing table. */
export type Route =
  | { readonly type: 'irqchip'; readonly gsi: Gsi; readonly irqchip: number; readonly pin: Pin }
  | {
      readonly type: 'msi';
      readonly gsi: Gsi;
      readonly flags: number;
      /** The doorbell address of the device's write: GITS_TRANSLATER. */
      readonly address: number;
      /** The EventID. */
      readonly data: number;
      readonly deviceId: DeviceId;
    };

/** Words of an entry in shared memory, half a cache line. */
export const ROUTE_WORDS = 8;
/** Fields of an entry, in words from its start. For irqchip routes DATA is the pin. */
export const ROUTE_TYPE = 0;
export const ROUTE_FLAGS = 1;
export const ROUTE_ADDRESS_LOW = 2;
export const ROUTE_ADDRESS_HIGH = 3;
export const ROUTE_DATA = 4;
export const ROUTE_DEVICE = 5;

/** Writes a route as words. Of an irqchip route, only the type and the pin: no thread reads the rest. */
export function putRoute(words: Words, at: number, route: Route): void {
  if (route.type === 'irqchip') {
    store(words, at + ROUTE_DATA, route.pin);
    store(words, at + ROUTE_TYPE, ROUTE_IRQCHIP);
    return;
  }
  store(words, at + ROUTE_FLAGS, route.flags);
  store(words, at + ROUTE_ADDRESS_LOW, route.address | 0);
  store(words, at + ROUTE_ADDRESS_HIGH, Math.floor(route.address / 2 ** 32));
  store(words, at + ROUTE_DATA, route.data);
  store(words, at + ROUTE_DEVICE, route.deviceId);
  store(words, at + ROUTE_TYPE, ROUTE_MSI);
}

/** A guest-physical address from its two words. */
export function addressOf(low: number, high: number): number {
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}

/** The default table of an irqchip: GSI n leads to its pin n. @see default_routing in irq_comm.c, kvm_riscv_setup_default_irq_routing */
export function pinRoutes(irqchip: number, pins: number): Route[] {
  return Array.from({ length: pins }, (_, pin): Route => ({ type: 'irqchip', gsi: pin, irqchip, pin }));
}
