import type { DeviceId, Pin } from '../arch/intid.ts';
import type { Gsi } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import { MSI_VALID_DEVID, ROUTE_IRQCHIP, ROUTE_MSI, type Route } from '../kvm/route.ts';
import { checkEntry, checkRouteCount, type RoutingRules } from '../kvm/routing-table.ts';

/** A `kvm_irq_routing_entry` as it stands in the struct: of its union, the fields of the type that it says it is of. */
export type RoutingEntry = {
  readonly gsi: Gsi;
  /** KVM_IRQ_ROUTING_IRQCHIP 1, KVM_IRQ_ROUTING_MSI 2. */
  readonly type: number;
  readonly flags: number;
  readonly irqchip?: number;
  readonly pin?: Pin;
  readonly address?: number;
  readonly data?: number;
  readonly devid?: DeviceId;
};

/** A `kvm_irq_routing`: the whole table. */
export type Routing = { readonly flags: number; readonly entries: readonly RoutingEntry[] };

/** KVM's checks of a table's header, before those of its entries. @throws KvmError EINVAL */
export function checkRoutingHeader(count: number, flags: number): void {
  checkRouteCount(count);
  if (flags === 0) return;
  const given = `0x${(flags >>> 0).toString(16)}`;
  throw new KvmError('KVM_SET_GSI_ROUTING', 'EINVAL', `the table's flags are 0, not ${given}`);
}

/**
 * The routes that a struct asks for.
 * @param extendedMsi - the type of an MSI route that always has a DeviceID, in the design that knows one
 * @param rules - the irqchip's rules for entries; default: arm64's
 * @throws KvmError EINVAL, by KVM's checks in their order
 * @see KVM_SET_GSI_ROUTING in kvm_main.c
 */
export function toRoutes({ flags, entries }: Routing, extendedMsi?: number, rules?: RoutingRules): Route[] {
  checkRoutingHeader(entries.length, flags);
  const seen = new Uint8Array(4096);
  return entries.map((entry, index) => {
    const { gsi, irqchip = 0, pin = 0, address = 0, data = 0, devid = 0 } = entry;
    const extended = entry.type === extendedMsi;
    const type = extended ? ROUTE_MSI : entry.type;
    checkEntry(index, { gsi, type, flags: entry.flags, irqchip, pin }, seen, rules);
    if (type === ROUTE_IRQCHIP) return { type: 'irqchip', gsi, irqchip, pin };
    const flags = extended ? MSI_VALID_DEVID : entry.flags;
    return { type: 'msi', gsi, flags, address, data, deviceId: devid };
  });
}

/** The entry of a route. */
export function entryOf(route: Route): RoutingEntry {
  const { gsi } = route;
  if (route.type === 'irqchip') {
    return { gsi, type: ROUTE_IRQCHIP, flags: 0, irqchip: route.irqchip, pin: route.pin };
  }
  const { flags, address, data, deviceId: devid } = route;
  return { gsi, type: ROUTE_MSI, flags, address, data, devid };
}
