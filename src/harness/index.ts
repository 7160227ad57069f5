/**
 * The harness that others build on: `boot` makes a machine of a user's own guest and devices, each a module of plain
 * synchronous functions in worker threads of its own.
 *
 * The threads are those of `threads`, the drivers those of `guest`; the proof of `stress` counts signals and deliveries, and
 * finds a lost signal. `options.ts` holds the options, `cpu.ts` and `device.ts` the arguments of a user's functions,
 * `machine.ts` and `calls.ts` the caller's object; `run.ts` watches over the threads, `rest.ts` waits for the last delivery,
 * and `judge.ts` tells the proof of the caller's changes. `stress.ts` gives the same modules to a stress run.
 */
export type { Cpu, Device, DeviceModule, GuestModule, MachineEvent } from '../threads/user/contract.ts';
export { boot } from './boot.ts';
export type { GivenMsi, GivenRoute, Spare } from './calls.ts';
export type { BootedMachine } from './machine.ts';
export type { BootOptions } from './options.ts';
export type { RunResult } from './run.ts';

export type { DeviceStats, MachineStats, VcpuStats } from './stats.ts';
export { runOwnStress } from './stress.ts';
