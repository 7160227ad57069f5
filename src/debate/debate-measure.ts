import { availableParallelism } from 'node:os';
import { SPURIOUS } from '../arch/intid.ts';
import { untilAborted } from '../base/until-aborted.ts';
import type { Machine } from '../board/machine.ts';
import { connectionsOf, openCpuInterface, SOURCE_POLICY } from '../guest/index.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import { countOperations } from '../memory/operation-count.ts';
import { buildStress, type Plan, stressDriverProgram, stressViews, VIOLATIONS } from '../stress/index.ts';
import { type Cast, Harness } from '../threads/harness.ts';
import type { DesignName } from '../vmm/design.ts';
import { DESIGNS } from '../vmm/designs.ts';
import { type Block, type BlockDone, debateDeviceProgram } from './debate-device.ts';
import { debateGuestProgram, POLL_NS } from './debate-guest.ts';
import type { DesignResult, DispatchFigures } from './debate-result.ts';

export type CompareTopology = { readonly vcpus: number; readonly devices: number; readonly events: number };

/** Pairs of blocks in one pass, after one pair for the compiler. */
const PAIRS = 2;
/** The first pair's length relative to the others. */
const WARM = 0.5;
/** How much longer than planned a block may take. */
const BLOCK_BOUND_MS = 20_000;

const polls = ({ vcpus, devices }: CompareTopology) => vcpus + devices <= availableParallelism();

/** A machine with the same devices and guest for each design; no source is connected yet. */
export function machineOf(
  abi: DesignName,
  input: CompareTopology,
  dispatch: Dispatch,
): { machine: Machine; plan: Plan } {
  return buildStress({
    ...(polls(input) ? { haltPollNs: POLL_NS } : {}),
    input,
    abi,
    dispatch,
    spis: 0,
    seconds: 0,
    iterations: 0,
    churn: 'none',
    seed: 1,
    fault: 'none',
  });
}

/** The figures of one pass on real threads. */
export type Pass = Pick<DispatchFigures, 'perSecond' | 'signals' | 'violations'> & {
  readonly latency: Distribution;
};

/**
 * Measures one design under one dispatch on real threads.
 * @param seconds - duration, without the start of the threads
 * @returns undefined where the signal aborts first: a part of the blocks says nothing
 */
export async function measureDispatch(
  abi: DesignName,
  input: CompareTopology,
  dispatch: Dispatch,
  seconds: number,
  signal?: AbortSignal,
): Promise<Pass | undefined> {
  if (signal?.aborted) return undefined;
  const { machine, plan } = machineOf(abi, input, dispatch);
  const { proof, pairs } = stressViews(machine, plan);
  const ms = (seconds * 1000) / (2 * (PAIRS + WARM));
  const pair = (share: number): Block[] => [
    { kind: 'round', ms: ms * share },
    { kind: 'single', ms: ms * share },
  ];
  const blocks = [...pair(WARM), ...Array.from({ length: PAIRS }, () => pair(1)).flat()];
  const harness = await Harness.boot(machine, castOf(plan, blocks, polls(input)), undefined, signal);
  try {
    if (signal?.aborted) return undefined;
    const vcpus = harness.runVcpus();
    const failed = vcpus.then(() => new Promise<never>(() => undefined));
    const devices = [...harness.programs].flatMap(([name, thread]) => (name === 'driver' ? [] : [thread]));
    const read = () => {
      const sum = new Distribution(LATENCY);
      for (const histogram of pairs.histograms) histogram.addTo(sum);
      return sum;
    };
    const timed = new Distribution(LATENCY);
    let signals = 0;
    let perSecond = 0;
    for (const [index, { kind }] of blocks.entries()) {
      const before = read();
      const running = Promise.race([Promise.all(devices.map((thread) => thread.run())), failed]);
      const block = harness.within('end a block', running, ms + BLOCK_BOUND_MS);
      const done = (await untilAborted(block, signal)) as BlockDone[] | undefined;
      if (done === undefined) return undefined;
      if (done.some(({ settled }) => !settled)) {
        // Every further block would wait as long for the same vCPU.
        proof.violate('lost', -1, -1, -1);
        break;
      }
      if (index < 2) continue;
      if (kind === 'single') timed.merge(read().since(before));
      else perSecond += done.reduce((sum, block) => sum + (1e9 * block.signals) / block.ns, 0) / PAIRS;
      signals += done.reduce((sum, block) => sum + block.signals, 0);
    }
    await harness.leaveGuests(vcpus);
    const violations = VIOLATIONS.reduce((sum, kind) => sum + proof.count(kind), 0);
    return { latency: timed, perSecond, signals, violations };
  } finally {
    await (signal?.aborted ? harness.destroy() : harness.close());
  }
}

function castOf(plan: Plan, blocks: readonly Block[], always: boolean): Cast {
  const devices = Array.from({ length: plan.devices }, (_, device) => {
    return [`device${device}`, debateDeviceProgram({ plan, device, blocks })] as const;
  });
  return {
    guest: debateGuestProgram({ plan, polls: always }),
    // The driver is the VMM: it connects the sources at the start, and then has nothing to do.
    programs: { ...Object.fromEntries(devices), driver: stressDriverProgram(plan) },
  };
}

const TIMED = 40_000;
const BATCHES = 10;

/** The operations of one inline injection, and its time together with the taking, in one thread. */
export function measureInjection(abi: DesignName): Pick<DesignResult, 'injection' | 'byRoute'> {
  const { machine, plan } = machineOf(abi, { vcpus: 1, devices: 1, events: 1 }, 'inline');
  DESIGNS[abi]
    .makeUserland(machine.vm, SOURCE_POLICY)
    .connectAll(connectionsOf(plan.sources, machine.config));
  const take = guestOf(machine);
  const { irqfds } = machine.vm;
  // The first signal finds no cached translation, and leaves the work to the main thread.
  irqfds.write(0);
  irqfds.dispatchPending();
  take();
  const count = countOperations(() => irqfds.write(0));
  take();
  for (let n = 0; n < TIMED; n++) {
    irqfds.write(0);
    take();
  }
  let ns = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < BATCHES; batch++) {
    const start = process.hrtime.bigint();
    for (let n = 0; n < TIMED / BATCHES; n++) {
      irqfds.write(0);
      take();
    }
    ns = Math.min(ns, Number(process.hrtime.bigint() - start) / (TIMED / BATCHES));
  }
  const [source] = plan.sources;
  // Makes the irqfd go by its route again, with the translation in the ITS's cache.
  machine.its.invalidate();
  if (source) machine.its.translate(source.deviceId, source.eventId);
  const byRoute = countOperations(() => irqfds.write(0));
  return { injection: { ...count, ns }, byRoute };
}

/** vCPU 0 with its interrupts on; each call takes all pending interrupts. */
export function guestOf(machine: Machine): () => void {
  const cpu = machine.gic.cpuInterface(0);
  openCpuInterface(cpu);
  return () => {
    for (let intid = cpu.acknowledge(); intid !== SPURIOUS; intid = cpu.acknowledge())
      cpu.endOfInterrupt(intid);
  };
}
