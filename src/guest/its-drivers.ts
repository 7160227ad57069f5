import type { DeviceId } from '../arch/intid.ts';
import type { ItsCommand, VirtualCommand } from '../arch/its-command.ts';
import { type MachineConfig, sizesOf } from '../board/config.ts';
import { itsFrame } from '../board/frames.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { ItsDriver } from './its-driver.ts';
import type { WordBus } from './register-bus.ts';

/** The number of the ITS that a device's MSIs go to: the devices take the ITSes in turn. */
export function itsOf(deviceId: DeviceId, config: Pick<MachineConfig, 'itses'>): number {
  const itses = config.itses ?? 1;
  return itses < 2 ? 0 : (deviceId >>> 3) % itses;
}

/**
 * The guest kernel's driver of all ITSes. A command of a device goes to the ITS of the device; any other command goes to each ITS,
 * because each has collections of its own. One thread at a time.
 */
export class ItsDrivers {
  readonly #config: MachineConfig;
  readonly #drivers: readonly ItsDriver[];

  constructor(bus: WordBus, memory: GuestMemory, config: MachineConfig) {
    this.#config = config;
    this.#drivers = Array.from(
      { length: sizesOf(config).itses },
      (_, its) => new ItsDriver(bus, memory, itsFrame(config, its)),
    );
  }

  /** Enables or disables the ITSes: GITS_CTLR. MSIs to a disabled ITS are lost. */
  setEnabled(on: boolean): void {
    for (const driver of this.#drivers) driver.setEnabled(on);
  }

  /** See {@link ItsDriver.send}. */
  send(...commands: readonly ItsCommand[]): void {
    this.sendAll(commands);
  }

  /** See {@link ItsDriver.sendVirtual}: a machine with vPEs has one ITS. */
  sendVirtual(commands: readonly VirtualCommand[]): void {
    this.#drivers[0]?.sendVirtual(commands);
  }

  /** See {@link ItsDriver.sendAll}. Each ITS carries out its commands in the order given, one ITS after the other. */
  sendAll(commands: readonly ItsCommand[]): void {
    const [only, ...others] = this.#drivers;
    if (others.length === 0) {
      only?.sendAll(commands);
      return;
    }
    for (const [its, driver] of this.#drivers.entries()) {
      const own = commands.filter(
        (command) => !('deviceId' in command) || itsOf(command.deviceId, this.#config) === its,
      );
      if (own.length > 0) driver.sendAll(own);
    }
  }
}
