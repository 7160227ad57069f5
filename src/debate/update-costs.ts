import type { EventId, Intid } from '../arch/intid.ts';
import { gits } from '../arch/registers.ts';
import { DEFAULT_CONFIG } from '../board/config.ts';
import { Machine } from '../board/machine.ts';
import { isPending } from '../gic/state.ts';
import { connectionsOf, nameOf, SOURCE_POLICY } from '../guest/index.ts';
import { IRQCHIP_PINS, MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { MSI_VALID_DEVID } from '../kvm/route.ts';
import type { Design, DesignName, DesignSource, UpdateCost, Userland } from '../vmm/design.ts';
import { DESIGNS } from '../vmm/designs.ts';
import { VMM_POLICIES, type VmmPolicy } from '../vmm/policies.ts';
import { type UpdateTrial, updateFates } from '../vmm/update-fates.ts';
import { guestOf, machineOf } from './debate-measure.ts';
import type { DesignFates, UpdateFigures, UpdateRow } from './debate-result.ts';

export const VECTORS = [16, 64, 256, 1024, 4096] as const;

const SPIS = 32;
const FIRST_SPI = 32;
/** The policy for a design whose table has every GSI. */
const ROUTE_POLICY: VmmPolicy = VMM_POLICIES.firecracker;
/** Length of one update's trial, and the least number of tries. */
const TRY_MS = 12;
const LEAST = 16;

/** The cost of changing one vector, with ever more vectors connected. */
export function measureUpdates(abi: DesignName, vectors: readonly number[] = VECTORS): UpdateRow[] {
  const design = DESIGNS[abi];
  const most = design.msi === 'none' ? IRQCHIP_PINS : MAX_IRQ_ROUTES - SPIS;
  const counts = [...new Set(vectors.map((count) => Math.min(count, most)))];
  return counts.map((count) => {
    const [masked, source] = [sourceOf(design, 0), sourceOf(design, 1)];
    const byIrqFd = connected(design, count, SOURCE_POLICY);
    const maskByIrqFd = timed([(userland) => userland.mask(0), (userland) => userland.unmask(0)], byIrqFd);
    const reroute = timed(
      [(userland) => userland.reroute(0, source), (userland) => userland.reroute(0, masked)],
      byIrqFd,
    );
    return {
      vectors: count,
      maskByIrqFd,
      maskByRoute:
        design.table === 'none'
          ? null
          : timed(
              [(userland) => userland.mask(0), (userland) => userland.unmask(0)],
              connected(design, count, ROUTE_POLICY),
            ),
      // Two changes were timed, there and back.
      reroute: { calls: reroute.calls / 2, entries: reroute.entries / 2, us: reroute.us / 2 },
    };
  });
}

function connected(design: Design, count: number, policy: VmmPolicy): Userland {
  const machine = Machine.create({
    ...DEFAULT_CONFIG,
    spis: design.msi === 'none' ? IRQCHIP_PINS : SPIS,
    eventfds: count,
    events: 64,
    devices: 4,
    memory: [],
    abi: design.name,
  });
  const userland = design.makeUserland(machine.vm, policy);
  userland.connectAll(Array.from({ length: count }, (_, fd) => ({ fd, source: sourceOf(design, fd) })));
  return userland;
}

function sourceOf({ msi }: Design, index: number): DesignSource {
  if (msi === 'none') return { kind: 'wired', pin: index };
  const eventId: EventId = msi === 'spi' ? FIRST_SPI + (index % SPIS) : index;
  return { kind: 'msi', deviceId: 8, eventId, doorbell: DEFAULT_CONFIG.itsBase + gits.TRANSLATER };
}

/**
 * The steps of an update in sum: their cost, and the first quartile of the tries' times, because slower tries may have
 * shared the core.
 */
function timed(steps: readonly ((userland: Userland) => UpdateCost)[], userland: Userland): UpdateFigures {
  const times: number[] = [];
  let cost = { calls: 0, entries: 0 };
  for (const end = performance.now() + TRY_MS; times.length < LEAST || performance.now() < end; ) {
    const start = process.hrtime.bigint();
    const costs = steps.map((step) => step(userland));
    times.push(Number(process.hrtime.bigint() - start) / 1000);
    cost = {
      calls: costs.reduce((sum, { calls }) => sum + calls, 0),
      entries: costs.reduce((sum, { entries }) => sum + entries, 0),
    };
  }
  times.sort((a, b) => a - b);
  return { ...cost, us: times[times.length >> 2] ?? 0 };
}

/** Moments to try for each kind of update. */
const MOMENTS = 60;

/** The fates of events signalled during an update, dispatched inline. */
export function measureFates(abi: DesignName, moments: number = MOMENTS): DesignFates {
  const make = trialsOf(abi);
  const mask = [(userland: Userland) => userland.mask(0), (userland: Userland) => userland.unmask(0)];
  const byRoute = DESIGNS[abi].table !== 'none' && DESIGNS[abi].msi !== 'none';
  return {
    maskByIrqFd: updateFates(
      make(() => mask, SOURCE_POLICY),
      moments,
    ),
    maskByRoute: byRoute
      ? updateFates(
          make(() => mask, ROUTE_POLICY),
          moments,
        )
      : null,
    reroute: updateFates(
      make((to) => [(userland) => userland.reroute(0, to)], SOURCE_POLICY),
      moments,
    ),
  };
}

type Steps = (to: DesignSource) => readonly ((userland: Userland) => unknown)[];

/** One machine with two interrupts, restored to its first state before each trial: a snapshot is a copy. */
function trialsOf(abi: DesignName): (steps: Steps, policy: VmmPolicy) => () => UpdateTrial {
  const { machine, plan } = machineOf(abi, { vcpus: 1, devices: 1, events: 2 }, 'inline');
  const { interrupts } = machine.gic;
  const [from, to] = plan.sources;
  if (!from || !to) throw new RangeError('a trial needs two sources');
  const take = guestOf(machine);
  if (DESIGNS[abi].msi === 'lpi') {
    // Both translations are cached, as those of a working device are.
    const address = machine.config.itsBase + gits.TRANSLATER;
    for (const { eventId: data, deviceId } of [from, to])
      machine.vm.signalMsi({ address, data, flags: MSI_VALID_DEVID, deviceId });
    take();
  }
  const first = machine.words.slice();
  const device = Machine.attach(machine.buffer, machine.otherThread(0));
  const isWaiting = ({ intid }: { intid: Intid }) => isPending(interrupts.state(interrupts.find(0, intid)));
  return (steps, policy) => () => {
    machine.words.set(first);
    const userland = DESIGNS[abi].makeUserland(machine.vm, policy);
    userland.connectAll(connectionsOf([from], machine.config));
    return {
      steps: steps(nameOf(to, machine.config)).map((step) => () => {
        step(userland);
      }),
      signal: () => device.vm.irqfds.write(from.fd),
      dispatch: () => {
        machine.vm.irqfds.dispatchPending();
      },
      pending: () => ({ before: isWaiting(from), after: isWaiting(to) }),
    };
  };
}
