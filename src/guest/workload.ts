import type { DeviceId } from '../arch/intid.ts';
import type { MachineConfig } from '../board/config.ts';
import type { Machine } from '../board/machine.ts';
import type { Source } from './source.ts';

/** What a booted guest's driver must know to change its interrupts. Plain data. */
export type GuestTables = {
  /** LPIs that are free to be mapped, `end` excluded. */
  readonly spareLpis: { readonly first: number; readonly end: number };
  /** EventID bits of each device, as MAPD gave them. */
  readonly eventBits: readonly { readonly deviceId: DeviceId; readonly bits: number }[];
  /** ICID of each vCPU's collection. */
  readonly collections: readonly number[];
  /** Guest-physical address of the LPI configuration table. */
  readonly configTable: number;
};

/** A guest with devices that a load generator can run: its sizes, its interrupt sources, how it boots. */
export type Workload = {
  /** For results: the file of a recording. */
  readonly name: string;
  readonly vcpus: number;
  /** Device threads. */
  readonly devices: number;
  /** The sources, with `spis` wires beside the guest's own. */
  sources(spis: number): Source[];
  /** The machine that the guest needs for so many sources, without the words of a scenario. */
  config(sources: number): MachineConfig;
  /** Brings the interrupt controller up, and every source with it. The main thread, while no vCPU runs. */
  boot(machine: Machine, sources: readonly Source[]): GuestTables;
};
