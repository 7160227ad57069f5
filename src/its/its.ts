import { VSGI_FRAME } from '../arch/frames.ts';
import type { DeviceId, EventId, Intid, VcpuId } from '../arch/intid.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { Mutex } from '../memory/mutex.ts';
import type { Readers } from '../memory/readers.ts';
import type { Words } from '../memory/word.ts';
import { readAttribute, writeAttribute } from './attributes.ts';
import { Collections, NOT_MAPPED } from './collections.ts';
import { type CommandErrorCount, CommandErrors, type FailedCommand } from './command-errors.ts';
import { Devices } from './devices.ts';
import { Events } from './events.ts';
import type { LpiPort } from './lpi-port.ts';
import type { ItsPersonality } from './personality.ts';
import type { ItsRegions } from './regions.ts';
import { BASERS, RegisterFile } from './register-file.ts';
import { readRegister, readRegisterWord, resetBaser, writeRegister, writeRegisterWord } from './registers.ts';
import { restoreTables } from './restore.ts';
import { type ItsErrno, saveTables } from './save.ts';
import { type ItsState, resetState } from './state.ts';
import { resolve, signal } from './translation.ts';
import { type VpePort, vlpiOf, vpeOf } from './vpe-port.ts';
import { sendSgi } from './vsgi-frame.ts';

/** The machine's side of an ITS. */
export type ItsWiring = {
  /** Number of the ITS in the machine, for messages. */
  readonly index: number;
  readonly lpis: LpiPort;
  readonly memory: GuestMemory;
  /** The reader sections around {@link Its.lookup}. */
  readonly readers: Readers;
  readonly personality: ItsPersonality;
  /** The vPEs of a GICv4.1; left out on every other board. */
  readonly vpes?: VpePort | undefined;
};

/** A mapped device: 2^bits events, and the guest-physical address of its table. */
export type DeviceMapping = { readonly deviceId: DeviceId; readonly bits: number; readonly ittAddr: number };

/** A mapped event, as {@link Its.mappings} lists it. */
export type EventMapping = {
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  readonly lpi: Intid;
  /** The vCPU that the event's collection targets; -1 if the collection is not mapped or has ended. */
  readonly vcpu: VcpuId;
  /** The vPE whose vLPI `lpi` is; left out for a physical LPI. */
  readonly vpe?: number;
};

/**
 * An Interrupt Translation Service: translates a device's MSI, DeviceID and EventID, into an LPI. The guest's driver
 * programs the ITS through registers and a command queue in guest memory.
 *
 * Any thread may call any method. All but `lookup` and `invalidate` take locks and may wait for readers, so they must
 * not run inside a reader section; `lookup` must run inside one.
 * @see Arm IHI 0069, chapter "The ITS"; KVM's vgic-its.c
 */
export class Its {
  readonly #its: ItsState;
  readonly #events: Events;

  constructor(
    words: Words,
    regions: ItsRegions,
    { index, lpis, memory, readers, personality, vpes }: ItsWiring,
  ) {
    const name = `its${index}`;
    const devices = new Devices(words, regions.devices, `${name}.device`);
    this.#events = new Events(words, regions, devices, `${name}.event`);
    this.#its = {
      personality,
      registers: new RegisterFile(words, regions.registers),
      commandLock: new Mutex(words, regions.commandLock, `${name}.commandLock`),
      lock: new Mutex(words, regions.lock, `${name}.lock`),
      errors: new CommandErrors(words, regions.errors),
      devices,
      collections: new Collections(words, regions.collections, `${name}.collection`),
      events: this.#events,
      lpis,
      memory,
      readers,
      vpes,
    };
  }

  /** Initialises the shared state. Called once, by the thread that creates the memory. */
  init(): void {
    const { collections, devices, events, registers } = this.#its;
    devices.init();
    collections.init();
    events.init();
    for (let n = 0; n < BASERS; n++) registers.setBaser(n, resetBaser(this.#its, n));
  }

  /**
   * The LPI of an event whose translation is cached, else `MISS`: then leave the section and call {@link signal}. Call
   * inside a reader section, and latch the LPI before the section ends. No lock, no allocation, five loads.
   */
  lookup(deviceId: DeviceId, eventId: EventId): Intid {
    return this.#events.lookup(deviceId, eventId);
  }

  /**
   * The epoch of the translation cache, never 0. Emptying the cache moves it: a lookup under another epoch is stale.
   */
  get epoch(): number {
    return this.#events.epoch;
  }

  /**
   * The LPI of an event, by all checks, or `UNMAPPED`, `ITS_DISABLED`, `LPIS_DISABLED`. For inspection; do not latch
   * the result, because a command may change the mapping before this returns. Caches the translation.
   */
  translate(deviceId: DeviceId, eventId: EventId): Intid {
    const { lock } = this.#its;
    lock.lock();
    try {
      return resolve(this.#its, deviceId, eventId);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Signals an MSI by the slow path: translates and latches.
   * @returns 1: latched, even where the LPI is disabled. 0: the guest has mapped nothing there. -16 (EBUSY): the ITS,
   * or the LPIs of the redistributor, are disabled, and the MSI is lost.
   */
  signal(deviceId: DeviceId, eventId: EventId): number {
    return signal(this.#its, deviceId, eventId);
  }

  /**
   * Empties the translation cache. Callers: after a redistributor's EnableLPIs has become 0. The ITS empties the cache
   * itself when its own state changes. Takes no lock.
   */
  invalidate(): void {
    this.#events.invalidate();
  }

  /** A vCPU's read of `bytes` bytes at `offset` in the ITS's frames: two, 128 KiB, or with vPEs three. */
  read(offset: number, bytes: number): bigint {
    return readRegister(this.#its, offset, bytes);
  }

  /** A vCPU's write. A write of GITS_CWRITER returns after the ITS has carried out the commands. */
  write(offset: number, bytes: number, value: bigint): void {
    if (offset < VSGI_FRAME) writeRegister(this.#its, offset, bytes, value);
    else sendSgi(this.#its, offset, bytes, value);
  }

  /** A vCPU's 32-bit read, as a number; unsigned. */
  readWord(offset: number): number {
    return readRegisterWord(this.#its, offset);
  }

  /** A vCPU's 32-bit write, as a number. */
  writeWord(offset: number, value: number): void {
    writeRegisterWord(this.#its, offset, value);
  }

  /** Userspace's read of a register, or an errno. The vCPUs must not run. @see KVM_DEV_ARM_VGIC_GRP_ITS_REGS */
  getRegister(offset: number): bigint | ItsErrno {
    return readAttribute(this.#its, offset);
  }

  /** Userspace's write of a register; an errno if it is refused. The vCPUs must not run. */
  setRegister(offset: number, value: bigint): ItsErrno | undefined {
    return writeAttribute(this.#its, offset, value);
  }

  /** Writes all mappings into the guest's tables. The vCPUs must not run. @see KVM_DEV_ARM_ITS_SAVE_TABLES */
  saveTables(): ItsErrno | undefined {
    return this.#locked(() => saveTables(this.#its));
  }

  /**
   * Reads all mappings back from the guest's tables. On an error no mapping is left. @see
   * KVM_DEV_ARM_ITS_RESTORE_TABLES
   */
  restoreTables(): ItsErrno | undefined {
    return this.#locked(() => restoreTables(this.#its));
  }

  /**
   * Resets to the state of a new ITS, except for the revision and the fields of GITS_BASERn other than Valid. @see
   * KVM_DEV_ARM_ITS_CTRL_RESET
   */
  reset(): void {
    this.#locked(() => {
      resetState(this.#its);
    });
  }

  get enabled(): boolean {
    return this.#its.registers.enabled;
  }

  /** The mapped devices, in no order. Takes the lock. */
  devices(): DeviceMapping[] {
    const { devices } = this.#its;
    const found: DeviceMapping[] = [];
    this.#locked(() => {
      devices.forEach((slot) => {
        const [deviceId, bits, ittAddr] = [
          devices.deviceIdOf(slot),
          devices.bitsOf(slot),
          devices.ittOf(slot),
        ];
        found.push({ deviceId, bits, ittAddr });
      });
    });
    return found;
  }

  /** The number of failed commands, by error. */
  errors(): CommandErrorCount[] {
    return this.#its.errors.counts();
  }

  /** The last failed commands, oldest first. */
  recentErrors(): FailedCommand[] {
    const { commandLock, errors } = this.#its;
    commandLock.lock();
    try {
      return errors.recent();
    } finally {
      commandLock.unlock();
    }
  }

  /** Every mapped event, by DeviceID and EventID. For oracles, tests and reports. */
  mappings(): EventMapping[] {
    const { collections, devices, events, lock } = this.#its;
    const found: EventMapping[] = [];
    lock.lock();
    try {
      devices.forEach((device) => {
        events.forEachOf(device, (event) => {
          const target = collections.targetOf(events.collectionOf(event));
          const lpi = events.lpiOf(event);
          found.push({
            deviceId: devices.deviceIdOf(device),
            eventId: events.eventIdOf(event),
            lpi: lpi < 0 ? vlpiOf(lpi) : lpi,
            vcpu: target === NOT_MAPPED ? -1 : target,
            ...(lpi < 0 ? { vpe: vpeOf(lpi) } : {}),
          });
        });
      });
    } finally {
      lock.unlock();
    }
    return found.sort((a, b) => a.deviceId - b.deviceId || a.eventId - b.eventId);
  }

  #locked<T>(act: () => T): T {
    const { commandLock, lock } = this.#its;
    commandLock.lock();
    try {
      lock.lock();
      try {
        return act();
      } finally {
        lock.unlock();
      }
    } finally {
      commandLock.unlock();
    }
  }
}
