import type { DeviceId } from '../arch/intid.ts';
import type { MachineConfig } from '../board/config.ts';
import type { Machine } from '../board/machine.ts';
import type { Source } from './source.ts';

/** The facts that a booted guest's driver needs to change its interrupts. Plain data. */
export type GuestTables = {
  /** Unmapped LPIs, `end` excluded. */
  readonly spareLpis: { readonly first: number; readonly end: number };
  /** EventID bits of each device, as in its MAPD. */
  readonly eventBits: readonly { readonly deviceId: DeviceId; readonly bits: number }[];
  /** ICID of each vCPU's collection. */
  readonly collections: readonly number[];
  /** Guest-physical address of the LPI configuration table. */
  readonly configTable: number;
};

/** A guest with devices that a load generator can run: its sizes, interrupt sources, and boot. */
export type Workload = {
  /** For results: the file of a recording. */
  readonly name: string;
  readonly vcpus: number;
  /** Device threads. */
  readonly devices: number;
  /** The sources, with `spis` wires beside the guest's own. */
  sources(spis: number): Source[];
  /** The machine for that many sources, without a scenario's words. */
  config(sources: number): MachineConfig;
  /** Brings up the interrupt controller and every source. Main thread, while no vCPU runs. */
  boot(machine: Machine, sources: readonly Source[]): GuestTables;
};
