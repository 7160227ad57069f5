/**
 * The harness as a library, `irqloom`: boot a machine with a guest and devices of your own.
 *
 * @module irqloom
 */
export type { DeviceId, EventId, Intid, Pin, VcpuId } from './arch/intid.ts';
export {
  COMMAND_BYTES,
  decodeCommand,
  encodeCommand,
  ITS_COMMANDS,
  type ItsCommand,
  type ItsCommandName,
  type Packet,
} from './arch/its-command.ts';
export { gicd, gicr, gits } from './arch/registers.ts';
export type { ErrorCode } from './base/codes.ts';
export { IrqError } from './base/irq-error.ts';
export { DEFAULT_CONFIG, type MachineConfig } from './board/config.ts';
export { Machine } from './board/machine.ts';
export { restoreSnapshot } from './board/snapshot.ts';
export { type Campaign, type CampaignItem, defineCampaign } from './campaign/file.ts';
export { type Config, defineConfig } from './config.ts';
export {
  type BootedMachine,
  type BootOptions,
  boot,
  type Cpu,
  type Device,
  type DeviceModule,
  type DeviceStats,
  type GivenMsi,
  type GivenRoute,
  type GuestModule,
  type MachineEvent,
  type MachineStats,
  type RunResult,
  type Spare,
  type VcpuStats,
} from './harness/index.ts';
export type { Fd, Gsi } from './kvm/gsi.ts';
