import { FIRST_SPI } from '../arch/intid.ts';
import { Machine } from '../board/machine.ts';
import {
  bootSynthetic,
  GicDriver,
  routesOf,
  type Source,
  syntheticConfig,
  syntheticSources,
  syntheticTables,
} from '../guest/index.ts';
import type { Route } from '../kvm/route.ts';
import { proofKind } from '../stress/index.ts';
import type { MachineEvent } from '../threads/user/contract.ts';
import type { Settings } from './options.ts';
import { type HarnessPlan, harnessViews, harnessWords } from './plan.ts';

export const eventOf = ({ device, eventId, deviceId, fd, gsi, intid, vcpu }: Source): MachineEvent => ({
  device,
  event: eventId,
  deviceId,
  fd,
  gsi,
  intid,
  vcpu,
});

/** Eventfds beyond those of the devices' events, for the caller's own irqfds. */
const SPARE_EVENTFDS = 64;

/** A machine whose guest has booted, before its threads start. */
export type Built = {
  readonly machine: Machine;
  readonly plan: HarnessPlan;
  readonly routes: readonly Route[];
};

/**
 * Makes the machine, brings its GIC and its ITS up, and connects every event: an MSI route and an irqfd each. All SGIs are
 * enabled, and all SPIs as edges, spread over the vCPUs. The main thread.
 * @throws IrqError `ERR_CONFIG` for more events than KVM has routes
 */
export function buildMachine({ vcpus, devices, events, dispatch, haltPollNs, fault }: Settings): Built {
  const topology = { vcpus, devices, events, spis: 0 };
  const config = syntheticConfig(topology);
  const sources = syntheticSources(topology, config.spis);
  const sizes = { sources, devices, vcpus, slices: 0 };
  const machine = Machine.create({
    ...config,
    dispatch,
    haltPollNs,
    fault,
    eventfds: sources.length + SPARE_EVENTFDS,
    scenarioWords: harnessWords(sizes, 2 ** config.idBits),
  });
  bootSynthetic(machine, topology, sources);
  const gic = new GicDriver(machine.bus, config);
  for (let vcpu = 0; vcpu < vcpus; vcpu++) gic.enableSgis(vcpu);
  for (let pin = 0; pin < config.spis; pin++)
    gic.enableSpi(FIRST_SPI + pin, { edge: true, vcpu: pin % vcpus });

  const plan: HarnessPlan = {
    ...sizes,
    ...syntheticTables(topology),
    churn: 'none',
    seed: 0,
    iterations: 0,
    spareSpis: { first: 0, end: 0 },
  };
  const { proof } = harnessViews(machine, plan);
  for (const [source, { kind, intid, vcpu }] of sources.entries())
    proof.place(source, proofKind(kind), intid, vcpu);
  const routes = routesOf(config, sources);
  machine.vm.setGsiRouting(routes);
  for (const { fd, gsi } of sources) machine.vm.assignIrqFd(fd, gsi);
  return { machine, plan, routes };
}
