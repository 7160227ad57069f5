/**
 * The harness that others build on: `boot` makes a machine of a user's own guest and devices, each a module of plain
 * synchronous functions in worker threads of its own.
 *
 * The threads are those of `threads`, the drivers those of `guest`; what counts signals and deliveries, and finds one that was
 * lost, is the proof of `stress`. `options.ts` says what may be asked for, `cpu.ts` and `device.ts` what a user's functions are
 * given, `machine.ts` and `calls.ts` what the caller holds; `run.ts` watches over the threads, `rest.ts` waits for the last
 * delivery, and `judge.ts` tells the proof what the caller has changed. `stress.ts` gives the same modules to a stress run.
 */
export type { Cpu, Device, DeviceModule, GuestModule, MachineEvent } from '../threads/user/contract.ts';
export { boot } from './boot.ts';
export type { GivenMsi, GivenRoute, Spare } from './calls.ts';
export type { BootedMachine } from './machine.ts';
export type { BootOptions } from './options.ts';
export type { RunResult } from './run.ts';

export type { DeviceStats, MachineStats, VcpuStats } from './stats.ts';
export { runOwnStress } from './stress.ts';
