import type { Intid } from '../arch/intid.ts';
import { gits } from '../arch/registers.ts';
import { IrqError } from '../base/irq-error.ts';
import { PollChoice } from '../base/poll-choice.ts';
import type { Machine } from '../board/machine.ts';
import type { Source } from '../guest/index.ts';
import { MSI_VALID_DEVID } from '../kvm/route.ts';
import { nap } from '../memory/nap.ts';
import { type Program, threadProgram } from '../threads/programs.ts';
import type { Device } from '../threads/user/contract.ts';
import { UserModule } from '../threads/user/user-module.ts';
import { type HarnessViews, harnessViews, type ThreadTask } from './plan.ts';

/** Which device a thread is. */
export type DeviceTask = ThreadTask & { readonly device: number };

/** The program of one device's thread: the user's `run`. */
export async function harnessDevice(machine: Machine, task: DeviceTask): Promise<Program> {
  const user = await UserModule.load('device', task.module);
  const run = user.function<(device: Device) => unknown>('run', 'run(device)');
  const device = new HarnessDevice(machine, task);
  const call = () => {
    const name = `device${task.device}`;
    let given: unknown;
    try {
      given = run(device);
    } catch (thrown) {
      throw user.blame(name, 'run(device)', thrown);
    }
    if (given instanceof Promise)
      throw new IrqError('ERR_SCENARIO', `${name} returned a promise from run(device), which is synchronous`);
  };
  return { run: () => (task.isStressed ? device.repeat(call, task.plan.iterations) : call()) };
}

export const harnessDeviceProgram = threadProgram(import.meta.url, harnessDevice);

/**
 * How long `settle` polls at most before the thread sleeps, ns; how long the thread sleeps between two looks at the closing
 * machine, ms.
 */
const POLL_NS = 20_000;
const SLEEP_MS = 50;
/** How often a device that keeps still looks whether the run is over. */
const STILL_MS = 50;
/** Between two looks at a handler that has begun and not returned. */
const NAP_MS = 0.05;

class HarnessDevice implements Device {
  readonly index: number;
  readonly events: number;
  readonly shared: SharedArrayBuffer | undefined;
  readonly #machine: Machine;
  readonly #views: HarnessViews;
  readonly #doorbell: number;
  readonly #boundMs: number;
  readonly #isStressed: boolean;
  readonly #churns: boolean;
  readonly #polling = new PollChoice(POLL_NS);
  #signals = 0;
  /** The events of this device, and the number of the first among all sources. */
  readonly #sources: readonly Source[];
  readonly #first: number;

  constructor(machine: Machine, { plan, device, shared, boundMs, isStressed }: DeviceTask) {
    this.#boundMs = boundMs;
    this.#isStressed = isStressed;
    this.#churns = plan.churn !== 'none';
    this.#machine = machine;
    this.#views = harnessViews(machine, plan);
    this.#doorbell = machine.config.itsBase + gits.TRANSLATER;
    this.#first = plan.sources.findIndex((source) => source.device === device);
    this.#sources = plan.sources.filter((source) => source.device === device);
    this.index = device;
    this.events = this.#sources.length;
    this.shared = shared;
  }

  get stopped(): boolean {
    return this.#views.stopping;
  }

  /**
   * Calls `run` of the user's module again and again: until the stress run is over, `times` is reached (0: no limit), or a call
   * has signalled nothing, after which no other would.
   */
  repeat(run: () => void, times: number): void {
    for (let call = 0; !this.stopped && (times === 0 || call < times); call++) {
      const before = this.#signals;
      run();
      if (this.#signals === before) break;
    }
    this.#views.still.keep(this.index, true);
  }

  signal(event = 0): void {
    const { fd } = this.#source('signal', event);
    this.#begin(event);
    this.#machine.vm.irqfds.write(fd);
  }

  signalMsi(event: number): boolean {
    const { deviceId, eventId } = this.#source('signalMsi', event);
    if (this.#churns)
      throw new IrqError(
        'ERR_UNSUPPORTED',
        'signalMsi: the driver of a stress run maps events anew, and an MSI would name an old one: use signal(event), or --churn none',
      );
    this.#begin(event);
    const msi = { address: this.#doorbell, data: eventId, flags: MSI_VALID_DEVID, deviceId };
    return this.#machine.vm.signalMsi(msi) > 0;
  }

  settle(event?: number): boolean {
    if (event !== undefined) return this.#settle(this.#source('settle', event), event);
    for (const [each, source] of this.#sources.entries()) if (!this.#settle(source, each)) return false;
    return true;
  }

  #begin(event: number): void {
    if (this.#isStressed) this.#keepStill();
    this.#signals++;
    this.#views.proof.beginSignal(this.#first + event, this.#machine.clock);
  }

  /** Keeps the device still before its next signal, where the driver asks for stillness. */
  #keepStill(): void {
    const { still } = this.#views;
    while (still.isWanted && !this.stopped) still.wait(this.index, STILL_MS);
  }

  #settle({ intid }: Source, event: number): boolean {
    const { proof, places } = this.#views;
    const which = this.#first + event;
    const began = this.#machine.clock.now();
    const poll = began + this.#polling.pollNs;
    while (!proof.isSettled(which) && this.#machine.clock.now() < poll);
    const end = performance.now() + this.#boundMs;
    while (!proof.isSettled(which)) {
      if (this.stopped || places.hasStopped(proof.vcpuOf(which))) return false;
      if (performance.now() > end) throw this.#late(intid, event);
      proof.awaitSettled(this.index, which, SLEEP_MS);
    }
    const now = this.#machine.clock.now();
    this.#polling.waited(now, now - began, this.#signals);
    while (places.handles(which)) {
      if (this.stopped) return false;
      if (performance.now() > end) throw this.#late(intid, event);
      nap(NAP_MS);
    }
    // From here on, signals that shared a delivery do not hide a delivery too many.
    proof.settle(which);
    return true;
  }

  #late(intid: Intid, event: number): IrqError {
    const { calls } = this.#views.places;
    const isLost = calls.length === 0;
    return new IrqError(
      isLost ? 'ERR_DELIVERY' : 'ERR_THREAD_SILENT',
      `settle: event ${event} (INTID ${intid}) was not handled within ${this.#boundMs} ms: ${isLost ? 'no vCPU is in a handler' : calls.join(', ')}`,
    );
  }

  #source(call: string, event: number): Source {
    const source = Number.isInteger(event) ? this.#sources[event] : undefined;
    if (source) return source;
    const has = `device${this.index} has events 0 to ${this.events - 1}`;
    throw new IrqError('ERR_USAGE', `${call}: ${has}, not ${String(event)}`);
  }
}
