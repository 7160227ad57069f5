import { IrqError } from '../../base/irq-error.ts';
import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { QueueAccess, VirtioModel } from './model.ts';
import { type Chain, QueueBroken, SplitQueue } from './queue.ts';
import { NO_VECTOR, type VirtioRegisters } from './registers.ts';
import { STATUS_DRIVER_OK, STATUS_NEEDS_RESET } from './transport.ts';

const HALF = 2 ** 32;
/** How long a device sleeps between two checks whether the run is over, ms. */
const NAP_MS = 50;

/**
 * The working part of a virtio device: takes requests, serves them, signals. One thread at a time: with scheduler `threads`, the
 * device's own.
 */
export class VirtioDevice implements QueueAccess {
  readonly memory: GuestMemory;
  readonly registers: VirtioRegisters;
  readonly model: VirtioModel;
  readonly #signal: (vector: number) => void;

  /** @param signal - writes the eventfd of an MSI-X vector */
  constructor(
    memory: GuestMemory,
    registers: VirtioRegisters,
    model: VirtioModel,
    signal: (vector: number) => void,
  ) {
    this.memory = memory;
    this.registers = registers;
    this.model = model;
    this.#signal = signal;
  }

  /** Serves the notified queues; false if none was notified. */
  serve(): boolean {
    const { registers } = this;
    if (!registers.isNotified) return false;
    registers.isBusy = true;
    if (registers.get('resetAsked') !== 0) registers.reset();
    else this.#serve(registers.takeNotified());
    registers.isBusy = false;
    return true;
  }

  #serve(notified: number): void {
    if ((this.registers.get('status') & STATUS_DRIVER_OK) === 0) return;
    try {
      this.model.serve(this, notified);
    } catch (error) {
      if (!(error instanceof QueueBroken) && !(error instanceof IrqError)) throw error;
      this.#breakDown();
    }
  }

  /** The body of the device's thread: serves until `stopping`; sleeps while no queue is notified. */
  run(stopping: () => boolean): void {
    while (!stopping()) {
      if (this.serve()) continue;
      const ticket = this.registers.bell.announce();
      if (this.registers.isNotified || stopping()) this.registers.bell.withdraw();
      else this.registers.bell.park(ticket, NAP_MS);
    }
  }

  take(queue: number): Chain | undefined {
    const split = this.#split(queue);
    if (!split) return undefined;
    const taken = this.registers.queue(queue, 'taken');
    if (split.offered === taken) return undefined;
    const chain = split.chain(taken);
    this.registers.setQueue(queue, 'taken', (taken + 1) & 0xffff);
    this.registers.countUp('requests');
    return chain;
  }

  complete(queue: number, chain: Chain, written: number): void {
    const split = this.#split(queue);
    if (!split) return;
    const returned = this.registers.queue(queue, 'returned');
    split.complete(returned, chain.head, written);
    this.registers.setQueue(queue, 'returned', (returned + 1) & 0xffff);
    this.registers.raiseIsr(1);
    const vector = this.registers.queue(queue, 'vector');
    if (vector === NO_VECTOR || split.isQuiet) return;
    this.registers.countSignal(vector);
    this.#signal(vector);
  }

  #split(queue: number): SplitQueue | undefined {
    const get = this.registers.queue.bind(this.registers, queue);
    const size = get('size');
    if (get('enabled') === 0 || size === 0) return undefined;
    return new SplitQueue(this.memory, {
      size,
      descriptors: (get('descriptorsHigh') >>> 0) * HALF + (get('descriptorsLow') >>> 0),
      driver: (get('driverHigh') >>> 0) * HALF + (get('driverLow') >>> 0),
      device: (get('deviceHigh') >>> 0) * HALF + (get('deviceLow') >>> 0),
    });
  }

  /** Sets DEVICE_NEEDS_RESET after a driver has broken a rule; the host continues. */
  #breakDown(): void {
    this.registers.countUp('broken');
    this.registers.set('status', this.registers.get('status') | STATUS_NEEDS_RESET);
    const vector = this.registers.get('configVector');
    if (vector !== NO_VECTOR) {
      this.registers.countSignal(vector);
      this.#signal(vector);
    }
  }
}
