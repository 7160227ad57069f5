import { gits } from '../arch/registers.ts';
import type { Machine } from '../board/machine.ts';
import { ERRNO } from '../kvm/errno.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import { itsDevice } from '../kvm-abi/devices/its.ts';
import { vgicDevice } from '../kvm-abi/devices/vgic.ts';
import { type ItsNumber, VECTOR_LAYOUT } from './vectors/vector-layout.ts';
import type { VectorRoute, VmAnswer, VmCall } from './vectors/vector-vm.ts';

/** Bits of a guest-physical address, as the recorded kernels' default. */
const PHYS_BITS = 40;
const GIC_IRQCHIP = 0;

/** Userland's calls of a vector on a machine: device attributes, routes, irqfds. One thread does everything. */
export class MachineVm {
  readonly #machine: Machine;
  readonly #routes: Route[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** @param call - made when no vCPU is in its guest @param its - the ITS that it concerns */
  call(call: VmCall, its: ItsNumber): VmAnswer {
    try {
      return this.#answer(call, its);
    } catch (error) {
      if (!(error instanceof KvmError)) throw error;
      // As KVM leaves userspace's value where it fails.
      return call.op === 'attr' && call.call === 'get'
        ? { errno: error.number, value: call.value }
        : { errno: error.number };
    }
  }

  #answer(call: VmCall, its: ItsNumber): VmAnswer {
    const { vm } = this.#machine;
    // An interrupt that a vCPU has ended since resamples now.
    vm.serveAcks();
    switch (call.op) {
      case 'attr':
        return this.#attribute(call, its);
      case 'route':
        vm.setGsiRouting([...this.#routes, routeOf(call, its)]);
        this.#routes.push(routeOf(call, its));
        return { errno: 0 };
      case 'irqfd':
        if (call.off) vm.deassignIrqFd(call.fd, call.gsi);
        else vm.assignIrqFd(call.fd, call.gsi, { resamplefd: call.resample });
        break;
      case 'signal':
        vm.irqfds.write(call.fd);
        break;
      case 'told': {
        const value = vm.irqfds.eventfd(call.fd).tryRead();
        return { errno: value === 0n ? ERRNO.EAGAIN : 0, value };
      }
    }
    // What needs a lock was left to the main thread, which is this one.
    vm.irqfds.dispatchPending();
    return { errno: 0 };
  }

  #attribute(
    { call, device, group, attr, value }: VmCall & { readonly op: 'attr' },
    index: ItsNumber,
  ): VmAnswer {
    const { vm, gic, itses } = this.#machine;
    const its = itses[index] ?? this.#machine.its;
    const it =
      device === 'vgic'
        ? vgicDevice({ vm, gic, physBits: PHYS_BITS })
        : itsDevice({
            ...{ vgic: vm.vgic, its, index, physBits: PHYS_BITS },
            refusesUnknownControls: gic.personality.refusesUnknownControls,
          });
    const name = { group, attr };
    if (call === 'get') return { errno: 0, value: it.get(name, value) };
    if (call === 'set') it.set(name, value);
    else if (!it.has(name)) return { errno: ERRNO.ENXIO };
    return { errno: 0 };
  }
}

function routeOf(route: VectorRoute, its: ItsNumber): Route {
  if ('pin' in route) return { type: 'irqchip', gsi: route.gsi, irqchip: GIC_IRQCHIP, pin: route.pin };
  const { gsi, deviceId, eventId } = route;
  const address = VECTOR_LAYOUT[its === 0 ? 'ITS' : 'ITS1'] + gits.TRANSLATER;
  return { type: 'msi', gsi, flags: MSI_VALID_DEVID, address, data: eventId as number, deviceId };
}
