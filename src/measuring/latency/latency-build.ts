import { availableParallelism } from 'node:os';
import { FIRST_LPI, FIRST_SPI, type Intid, type VcpuId } from '../../arch/intid.ts';
import { IrqError } from '../../base/irq-error.ts';
import { Machine } from '../../board/machine.ts';
import {
  bootSynthetic,
  GicDriver,
  routesOf,
  type Source,
  syntheticConfig,
  syntheticSources,
} from '../../guest/index.ts';
import type { Fd } from '../../kvm/gsi.ts';
import { NO_OWN, type OwnOptions, ownCode } from '../own/own-code.ts';
import { type LatencyPlan, latencyWords } from './latency-plan.ts';
import type { Background, Line, Path } from './latency-result.ts';

/** The machine and the paths to measure. */
export type LatencyTopology = {
  readonly paths: readonly Path[];
  /** Measured vCPUs, 1 to 64, and devices, 1 to 64: each device signals each vCPU. */
  readonly vcpus: number;
  readonly devices: number;
  readonly background: Background;
  /** Additional vCPUs, for the background. */
  readonly others: number;
  readonly handlerNs: number;
  /** User modules that replace the measurement's guest and device. Excludes path `sgi` and `handlerNs`. */
  readonly own?: OwnOptions;
};

/** Longer than any wait: paths switch polling on and off at run time. */
const HALT_POLL_NS = 1e9;
const MOST_SPIS = 988;

/**
 * Builds the machine, boots its guest, and maps, routes and hooks each device's line to each vCPU. Returns the machine and the plan
 * for its threads.
 * @param stamps - stamps in each thread's ring; a power of two
 */
export function buildLatency(
  topology: LatencyTopology,
  stamps: number,
): { machine: Machine; plan: LatencyPlan } {
  const { vcpus, devices, background, handlerNs, paths } = topology;
  const others = background === 'none' ? 0 : topology.others;
  const sends = paths.some(({ source }) => source === 'sgi');
  const storms = background === 'storming';
  const all = {
    vcpus: vcpus + others + (sends ? 1 : 0),
    devices: devices + (storms ? 1 : 0),
    events: Math.max(vcpus, others),
    spis: paths.some(({ source }) => source === 'irq-line') ? devices * vcpus : 0,
  };
  if (all.spis > MOST_SPIS) {
    throw new IrqError(
      'ERR_CONFIG',
      `${devices} devices with a wire to each of ${vcpus} vCPUs need ${all.spis} SPIs, and a GIC has ${MOST_SPIS}: leave irq-line out`,
    );
  }
  const config = syntheticConfig(all);
  const messages = syntheticSources({ ...all, spis: 0 }, config.spis);
  const events = Array.from({ length: devices * vcpus }, (_, index) => {
    const [device, vcpu] = [Math.floor(index / vcpus), index % vcpus];
    return ours(messages[device * all.events + vcpu], { device, vcpu, index });
  });
  const storm = Array.from({ length: storms ? others : 0 }, (_, index) =>
    ours(messages[devices * all.events + index], {
      device: devices,
      vcpu: vcpus + index,
      index: events.length + index,
    }),
  );
  const lines = events.map((source): Line => {
    const { device, vcpu, fd, gsi, deviceId, eventId, intid } = source;
    const mailFd: Fd = fd + events.length + storm.length;
    const spi: Intid = all.spis > 0 ? FIRST_SPI + fd : -1;
    return { device, vcpu, fd, mailFd, gsi, deviceId, eventId, lpi: intid, spi };
  });
  const plan: LatencyPlan = {
    paths,
    lines,
    vcpus,
    devices,
    background,
    others,
    stormFds: storm.map(({ fd }) => fd),
    sender: sends ? all.vcpus - 1 : -1,
    handlerNs,
    cores: availableParallelism(),
    own: ownCode(topology.own ?? NO_OWN),
  };
  const sources = [...events, ...storm];
  const machine = Machine.create({
    ...config,
    dispatch: 'main',
    haltPollNs: HALT_POLL_NS,
    eventfds: sources.length + lines.length,
    scenarioWords: latencyWords(plan),
    stamps,
  });
  bootSynthetic(machine, all, sources);
  const gic = new GicDriver(machine.bus, config);
  for (const { spi, vcpu } of lines) if (spi >= 0) gic.enableSpi(spi, { edge: true, vcpu });
  if (plan.own.guest !== undefined) for (let vcpu = 0; vcpu < vcpus; vcpu++) gic.enableSgis(vcpu);
  machine.vm.setGsiRouting(routesOf(config, sources));
  for (const { fd, gsi } of sources) machine.vm.assignIrqFd(fd, gsi);
  return { machine, plan };
}

/** A source of a synthetic topology, renumbered so that LPIs and eventfds are in the order of lines. */
function ours(
  source: Source | undefined,
  { device, vcpu, index }: { device: number; vcpu: VcpuId; index: number },
): Source {
  if (!source) throw new RangeError(`there is no source for line ${index}`);
  return { ...source, device, vcpu, fd: index, intid: FIRST_LPI + index };
}
