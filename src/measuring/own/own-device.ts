import { IrqError } from '../../base/irq-error.ts';
import type { Device, DeviceModule } from '../../threads/user/contract.ts';
import { UserModule } from '../../threads/user/user-module.ts';

/** Functions of a measurement for a user's device. */
export type OwnDeviceParts = {
  readonly index: number;
  readonly events: number;
  readonly shared: SharedArrayBuffer;
  /** Sends and times a signal, after the event's previous signal was handled. */
  signal(event: number): void;
  /** Waits until an event's signals are handled. @returns false if the measurement ended first */
  settle(event: number): boolean;
  isOver(): boolean;
};

/** A user's device in its thread. */
export class OwnDevice implements Device {
  readonly index: number;
  readonly events: number;
  readonly shared: SharedArrayBuffer;
  readonly #parts: OwnDeviceParts;
  readonly #call: (device: Device) => unknown;
  readonly #user: UserModule;
  #signals = 0;

  private constructor(user: UserModule, parts: OwnDeviceParts) {
    this.#user = user;
    this.#call = user.function<DeviceModule['run']>('run', 'run(device)');
    this.#parts = parts;
    this.index = parts.index;
    this.events = parts.events;
    this.shared = parts.shared;
  }

  /** Loads a device's module. @throws IrqError `ERR_SCENARIO` for a module without the function */
  static async load(module: string, parts: OwnDeviceParts): Promise<OwnDevice> {
    return new OwnDevice(await UserModule.load('device', module), parts);
  }

  /**
   * Calls `run` of the user's module until the measurement is over.
   * @throws IrqError `ERR_SCENARIO` if a call sends no signal, because further calls would send none; `ERR_THREAD_DIED` if it throws
   */
  repeat(): void {
    while (!this.stopped) {
      const before = this.#signals;
      this.#run();
      if (this.#signals === before && !this.stopped)
        throw new IrqError(
          'ERR_SCENARIO',
          `device${this.index} has returned from run(device) without a signal: there is nothing to measure`,
        );
    }
  }

  get stopped(): boolean {
    return this.#parts.isOver();
  }

  signal(event = 0): void {
    this.#check('signal', event);
    // After the end the measurement times no signal.
    if (this.stopped) return;
    this.#signals++;
    this.#parts.signal(event);
  }

  signalMsi(): boolean {
    throw new IrqError(
      'ERR_UNSUPPORTED',
      'signalMsi: a measurement signals by the path that it measures: use signal(event), in "irqloom latency" with --source signal-msi',
    );
  }

  settle(event?: number): boolean {
    if (event !== undefined) {
      this.#check('settle', event);
      return this.#parts.settle(event);
    }
    for (let each = 0; each < this.events; each++) if (!this.#parts.settle(each)) return false;
    return true;
  }

  #run(): void {
    const name = `device${this.index}`;
    let given: unknown;
    try {
      given = this.#call(this);
    } catch (thrown) {
      throw this.#user.blame(name, 'run(device)', thrown);
    }
    if (given instanceof Promise)
      throw new IrqError('ERR_SCENARIO', `${name} returned a promise from run(device), which is synchronous`);
  }

  #check(call: string, event: number): void {
    if (Number.isInteger(event) && event >= 0 && event < this.events) return;
    const has = `device${this.index} has events 0 to ${this.events - 1}`;
    throw new IrqError('ERR_USAGE', `${call}: ${has}, not ${String(event)}`);
  }
}
