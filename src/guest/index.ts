/**
 * The guest's side of the interrupt controller. `GicDriver` and `ItsDriver` act as a kernel's drivers, through
 * registers and guest memory; `topology.ts` is a synthetic guest of any size; a `Workload` is any guest with devices
 * that a load generator can run; a `Source` is one interrupt of the guest with all its names.
 */
export { GicDriver, LINUX_PRIORITY, openCpuInterface } from './gic-driver.ts';
export { ItsDriver, setUpIts } from './its-driver.ts';
export { ItsDrivers, itsOf } from './its-drivers.ts';
export type { AccessBytes, GicFrames, RegisterBus, WordBus } from './register-bus.ts';
export {
  connectionsOf,
  hasIrqFd,
  nameOf,
  routesOf,
  SOURCE_POLICY,
  type Source,
  type SourceKind,
  standIns,
} from './source.ts';
export {
  bootSynthetic,
  deviceIdOf,
  syntheticConfig,
  syntheticSources,
  syntheticTables,
  type Topology,
  wiredSources,
} from './topology.ts';
export type { GuestTables, Workload } from './workload.ts';
