import { IrqError } from '../base/irq-error.ts';
import { MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import type { Dispatch } from '../kvm/irqfds.ts';

/** The configuration that decides the layout of a board of x86 or RISC-V; every thread uses the same. */
export type IrqchipBoardConfig = {
  /** From 1 on; the board says how many at most. */
  readonly vcpus: number;
  /** 1 to 65,534. */
  readonly eventfds: number;
  /** Most threads that attach; the main thread is number 0. */
  readonly threads: number;
  readonly dispatch: Dispatch;
  /** GSIs, and routes, of the table; default 4,096. */
  readonly gsis?: number;
  /** Loads of a held lock's word before a waiter sleeps; default 100. */
  readonly spins?: number;
};

/** @throws IrqError `ERR_CONFIG` for the first invalid value */
export function checkSizes(config: IrqchipBoardConfig, mostVcpus: number): void {
  const within = (name: 'vcpus' | 'eventfds' | 'threads' | 'gsis', high: number) => {
    const value = config[name] ?? 1;
    if (Number.isInteger(value) && value >= 1 && value <= high) return;
    throw new IrqError('ERR_CONFIG', `${name} is a whole number from 1 to ${high}, not ${value}`);
  };
  within('vcpus', mostVcpus);
  within('eventfds', 65_534);
  within('threads', 4096);
  within('gsis', MAX_IRQ_ROUTES);
}
