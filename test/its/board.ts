import { encodeCommand, type ItsCommand, type Packet, writePacket } from '../../src/arch/its-command.ts';
import { gits } from '../../src/arch/registers.ts';
import { PAGE_64K } from '../../src/arch/tables.ts';
import { setUpIts } from '../../src/guest/its-driver.ts';
import { Its } from '../../src/its/its.ts';
import type { LpiPort } from '../../src/its/lpi-port.ts';
import { ITS_PERSONALITIES, type ItsPersonality } from '../../src/its/personality.ts';
import { type ItsConfig, itsRegions } from '../../src/its/regions.ts';
import { GuestMemory, guestMemoryRegion } from '../../src/memory/guest-memory.ts';
import { Layout } from '../../src/memory/layout.ts';
import { Readers, readersWords } from '../../src/memory/readers.ts';
import type { Words } from '../../src/memory/word.ts';

/** Guest memory: 16 MiB at 1 GiB, and what lies where in it. */
export const RAM = 0x4000_0000;
export const RAM_BYTES = 0x100_0000;
export const DEVICE_TABLE = 0x4010_0000;
export const COLLECTION_TABLE = 0x4020_0000;
export const QUEUE = 0x4030_0000;
export const ITT = 0x4040_0000;

export const NO_VCPU = 0x3ff;

/** One LPI of {@link PlainLpis}. */
type PlainLpi = { mappings: number; target: number; config: number; pending: boolean };

/** The LPIs of a machine without an interrupt controller: plain objects, for one thread. */
export class PlainLpis implements LpiPort {
  readonly vcpus: number;
  readonly limit = 65_536;
  idBits = 16;
  /** vCPUs with EnableLPIs = 0. */
  readonly off = new Set<number>();
  /** The configuration table; undefined where it cannot be read. A missing byte is 0xa1: enabled, priority 0xa0. */
  readonly config = new Map<number, number | undefined>();
  /** Bits that stand in the pending tables, as `vcpu:lpi`. */
  readonly pendingTable = new Set<string>();
  readonly lpis = new Map<number, PlainLpi>();

  constructor(vcpus: number) {
    this.vcpus = vcpus;
  }

  mappingLimit(): number {
    return this.idBits < 14 ? 0 : 2 ** Math.min(this.idBits, 16);
  }

  accepts(vcpu: number): boolean {
    return !this.off.has(vcpu);
  }

  configByte(lpi: number): number | undefined {
    return this.config.has(lpi) ? this.config.get(lpi) : 0xa1;
  }

  hasPendingByte(): boolean {
    return true;
  }

  importPending(lpi: number, vcpu: number): boolean {
    return this.pendingTable.delete(`${vcpu}:${lpi}`);
  }

  map(lpi: number): boolean {
    const known = this.lpis.get(lpi);
    if (known) known.mappings++;
    else this.lpis.set(lpi, { mappings: 1, target: NO_VCPU, config: 0, pending: false });
    return !known;
  }

  unmap(lpi: number): void {
    if (--this.of(lpi).mappings === 0) this.lpis.delete(lpi);
  }

  isMapped(lpi: number): boolean {
    return this.lpis.has(lpi);
  }

  forEachMapped(visit: (lpi: number) => void): void {
    for (const lpi of [...this.lpis.keys()].sort((a, b) => a - b)) visit(lpi);
  }

  latch(lpi: number): void {
    this.of(lpi).pending = true;
  }

  clear(lpi: number): void {
    this.of(lpi).pending = false;
  }

  isPending(lpi: number): boolean {
    return this.lpis.get(lpi)?.pending ?? false;
  }

  configure(lpi: number, config: number): void {
    this.of(lpi).config = config;
  }

  targetOf(lpi: number): number {
    return this.of(lpi).target;
  }

  retarget(lpi: number, vcpu: number): void {
    this.of(lpi).target = vcpu;
  }

  /** An LPI that must be mapped: an ITS that touches one that is not has a fault. */
  of(lpi: number): PlainLpi {
    const found = this.lpis.get(lpi);
    if (!found) throw new Error(`LPI ${lpi} is not mapped`);
    return found;
  }
}

export type BoardOptions = {
  readonly vcpus?: number;
  readonly config?: ItsConfig;
  readonly personality?: ItsPersonality;
  readonly threads?: number;
};

/** An ITS with guest memory and plain LPIs, on one thread. */
export class Board {
  readonly its: Its;
  readonly lpis: PlainLpis;
  readonly memory: GuestMemory;
  readonly readers: Readers;
  readonly words: Words;
  /** Offset in the queue where the next command goes. */
  tail = 0;
  queueBytes = 0;

  constructor(options: BoardOptions = {}) {
    const config = options.config ?? { devices: 64, events: 256, collections: 16 };
    const personality = options.personality ?? ITS_PERSONALITIES.kvm;
    const layout = new Layout();
    const regions = itsRegions(layout, 0, config);
    const readers = layout.region('readers', readersWords(options.threads ?? 1));
    const slots = [{ base: RAM, bytes: RAM_BYTES }];
    const ram = guestMemoryRegion(layout, slots);
    this.words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
    this.lpis = new PlainLpis(options.vcpus ?? 4);
    this.memory = new GuestMemory(this.words, ram, slots);
    this.readers = new Readers(this.words, readers);
    const wiring = { index: 0, lpis: this.lpis, memory: this.memory, readers: this.readers, personality };
    this.its = new Its(this.words, regions, wiring);
    this.its.init();
  }

  /** As a driver does: tables, queue of `pages` pages of 4 KiB, enable. Returns itself. */
  boot(pages = 16): this {
    const tables = { deviceTable: DEVICE_TABLE, collectionTable: COLLECTION_TABLE, pageSize: PAGE_64K };
    setUpIts(this.its, 0, { ...tables, queue: QUEUE, queuePages: pages });
    this.queueBytes = pages * 4096;
    this.tail = 0;
    return this;
  }

  /** Lays commands into the queue without telling the ITS. */
  lay(...commands: readonly (ItsCommand | Packet)[]): void {
    for (const command of commands) {
      writePacket(this.memory, QUEUE + this.tail, 'name' in command ? encodeCommand(command) : command);
      this.tail = (this.tail + 32) % this.queueBytes;
    }
  }

  kick(): void {
    this.its.write(gits.CWRITER, 8, BigInt(this.tail));
  }

  /** Runs commands, and returns the names of the errors that they made. */
  run(...commands: readonly (ItsCommand | Packet)[]): string[] {
    const before = this.its.recentErrors().at(-1)?.nth ?? -1;
    this.lay(...commands);
    this.kick();
    return this.its
      .recentErrors()
      .filter(({ nth }) => nth > before)
      .map(({ name }) => name);
  }

  read(offset: number): bigint {
    return this.its.read(offset, 8);
  }

  /** What an injector does on its own thread: the cache, then the slow way. Says which it was. */
  inject(deviceId: number, eventId: number): 'cached' | number {
    this.readers.enter(0);
    const lpi = this.its.lookup(deviceId, eventId);
    if (lpi >= 0) this.lpis.latch(lpi);
    this.readers.leave(0);
    return lpi >= 0 ? 'cached' : this.its.signal(deviceId, eventId);
  }
}
