import type { DeviceId, EventId } from '../../arch/intid.ts';
import { FIRST_LPI } from '../../arch/intid.ts';
import { IrqError } from '../../base/irq-error.ts';
import { Machine } from '../../board/machine.ts';
import {
  bootSynthetic,
  deviceIdOf,
  GicDriver,
  routesOf,
  type Source,
  syntheticConfig,
} from '../../guest/index.ts';
import { type Fd, MAX_IRQ_ROUTES } from '../../kvm/gsi.ts';
import { type ScalePlan, scaleWords } from './scale-plan.ts';
import type { Size } from './scale-result.ts';

/** The most LPIs: INTIDs have 16 bits, and LPIs begin at 8192. */
export const MOST_LPIS = 2 ** 16 - FIRST_LPI;

/** Builds and boots the machine of a size, with every LPI mapped and routed. @throws IrqError `ERR_CONFIG` */
export function buildScale(plan: ScalePlan): Machine {
  const { vcpus, devices, lpis, via, dispatch, own } = plan;
  if (lpis < devices || lpis > MOST_LPIS) {
    throw new IrqError(
      'ERR_CONFIG',
      `${devices} devices have ${devices} to ${MOST_LPIS} LPIs between them, not ${lpis}`,
    );
  }
  const topology = { vcpus, devices, events: Math.ceil(lpis / devices), spis: 0 };
  const config = syntheticConfig(topology);
  const sources = Array.from({ length: lpis }, (_, index): Source => {
    const { deviceId, eventId } = placeOf(plan, index);
    return {
      kind: 'msi',
      device: index % devices,
      fd: index,
      resamplefd: -1,
      gsi: config.spis + index,
      deviceId,
      eventId,
      intid: FIRST_LPI + index,
      vcpu: index % vcpus,
    };
  });
  const machine = Machine.create({
    ...config,
    dispatch,
    eventfds: via === 'irqfd' ? lpis : 1,
    scenarioWords: scaleWords(plan),
  });
  bootSynthetic(machine, topology, sources);
  if (own.guest !== undefined) {
    const gic = new GicDriver(machine.bus, config);
    for (let vcpu = 0; vcpu < vcpus; vcpu++) gic.enableSgis(vcpu);
  }
  if (via === 'irqfd') {
    machine.vm.setGsiRouting(routesOf(config, sources));
    for (const { fd, gsi } of sources) machine.vm.assignIrqFd(fd as Fd, gsi);
  }
  return machine;
}

/** DeviceID and EventID of LPI number `index`, from 0, in the order of {@link bootSynthetic}. */
export function placeOf({ devices }: Size, index: number): { deviceId: DeviceId; eventId: EventId } {
  return { deviceId: deviceIdOf(index % devices), eventId: Math.floor(index / devices) };
}

/** Whether each of `lpis` LPIs can have a GSI of its own, beside those of the SPIs. */
export function fitsGsis(lpis: number): boolean {
  return lpis + syntheticConfig({ vcpus: 1, devices: 1, events: 1, spis: 0 }).spis <= MAX_IRQ_ROUTES;
}
