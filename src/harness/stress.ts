import type { Machine } from '../board/machine.ts';
import type { Topology } from '../guest/index.ts';
import {
  driverParts,
  type OwnThreads,
  type Plan,
  runStress,
  type StressOptions,
  type StressResult,
  type StressWatch,
  stressDeviceProgram,
  stressDriver,
  stressGuestProgram,
} from '../stress/index.ts';
import { type Program, threadProgram } from '../threads/programs.ts';
import { placesWords, withCalls } from '../threads/user/places.ts';
import { moduleUrl } from '../threads/user/user-module.ts';
import { harnessGuestProgram } from './cpu.ts';
import { harnessDeviceProgram } from './device.ts';
import { type HarnessViews, harnessViews } from './plan.ts';

/** A stress run of a user's own code. The rest is as in any stress run; the sources are events, without wires. */
export type OwnStressOptions = Omit<StressOptions, 'input' | 'spis' | 'lines' | 'abi' | 'trace'> & {
  readonly input: Omit<Topology, 'spis'>;
  /** Paths of the modules; left out, the load generator plays that part. */
  readonly guest?: string | undefined;
  readonly device?: string | undefined;
  /** Bytes that guest and devices see as `shared`, zero at first. */
  readonly sharedBytes: number;
};

/**
 * Stress with a user's own guest, own devices, or both: the plain functions that `boot` takes, while a driver moves, masks and
 * remaps the events. Each device's `run` is called again until the time is over; `iterations` bounds the calls.
 *
 * The proof judges the events of the devices as in any stress run. SGIs and the contents of `shared` are the user's own
 * matter: a handler that finds them wrong throws, which ends the run.
 * @throws IrqError `ERR_FILE`, `ERR_SCENARIO` for the modules; `ERR_THREAD_DIED` where a function throws; `ERR_THREAD_SILENT`
 */
export async function runOwnStress(
  options: OwnStressOptions,
  watch: StressWatch = {},
): Promise<StressResult> {
  const { guest, device, sharedBytes, ...rest } = options;
  const shared = new SharedArrayBuffer(sharedBytes);
  const modules = {
    guest: guest === undefined ? undefined : moduleUrl('guest', guest),
    device: device === undefined ? undefined : moduleUrl('device', device),
  };
  let views: HarnessViews | undefined;
  const own: OwnThreads = {
    words: placesWords(options.input.vcpus),
    cast(machine, plan) {
      views = harnessViews(machine, plan);
      return castOf(plan, modules, shared);
    },
  };
  const names = { ...(guest === undefined ? {} : { guest }), ...(device === undefined ? {} : { device }) };
  const withNames = (result: StressResult) => ({ ...result, config: { ...result.config, ...names } });
  const ended = (result: StressResult) => watch.ended?.(withNames(result));
  const running = runStress({ ...rest, spis: 0 }, { ...watch, ended }, own);
  return withNames(
    await running.catch((error: unknown) => {
      throw withCalls(error, views?.places);
    }),
  );
}

type Modules = { readonly guest: string | undefined; readonly device: string | undefined };

function castOf(plan: Plan, { guest, device }: Modules, shared: SharedArrayBuffer) {
  // A device waits as long as the run lasts: where a delivery is missing, the driver's still phases say so.
  const task = { plan, shared, boundMs: Number.POSITIVE_INFINITY, isStressed: true };
  const devices = Array.from({ length: plan.devices }, (_, index) => [
    `device${index}`,
    device === undefined
      ? stressDeviceProgram({ plan, device: index })
      : harnessDeviceProgram({ ...task, module: device, device: index }),
  ]);
  return {
    guest: guest === undefined ? stressGuestProgram(plan) : harnessGuestProgram({ ...task, module: guest }),
    programs: { ...Object.fromEntries(devices), driver: ownDriverProgram(plan) },
  };
}

/** The driver of a stress run with a user's guest: the load generator's, which waits for handlers that take long. */
export function ownDriver(machine: Machine, plan: Plan): Program {
  const { places } = harnessViews(machine, plan);
  const parts = driverParts(machine, plan);
  for (let vcpu = 0; vcpu < plan.vcpus; vcpu++) parts.gic.enableSgis(vcpu);
  return stressDriver(machine, plan, parts, () => places.isAnyInside);
}

export const ownDriverProgram = threadProgram(import.meta.url, ownDriver);
