import { putCached } from '../../src/kvm/injector.ts';
import { ROUTE_IRQCHIP } from '../../src/kvm/route.ts';
import type { KvmVm } from '../../src/kvm-abi/kvm-vm.ts';
import type { RoutingEntry } from '../../src/kvm-abi/routing-entry.ts';
import { beginWrite, endWrite } from '../../src/memory/sequence.ts';
import { enableSpi, readyVm } from './vm-rig.ts';

/** Puts a table in force. */
export function setRoutes(vm: KvmVm, entries: readonly RoutingEntry[]): void {
  vm.setGsiRouting({ flags: 0, entries });
}

/** A route to SPI 33 in words of its own, and the sequence count that guards it. */
export function routeOfItsOwn() {
  const { vm } = readyVm();
  enableSpi(vm, 33);
  const words = new Int32Array(vm.attachment.buffer);
  // Guest memory that no test uses.
  const base = words.length - 32;
  putCached(words, base + 1, ROUTE_IRQCHIP, 1);
  const sequence = { at: base, begin: () => beginWrite(words, base), end: () => endWrite(words, base) };
  return { vm, sequence, route: base + 1 };
}
