import type { Intid, VcpuId } from '../../arch/intid.ts';
import type { ItsCommand } from '../../arch/its-command.ts';
import type { Machine } from '../../board/machine.ts';
import { affinityOf } from '../../gic/affinity.ts';
import { GicDriver, type GicFrames, ItsDrivers, type RegisterBus, type WordBus } from '../../guest/index.ts';
import type { Fd } from '../../kvm/gsi.ts';
import type { Clock } from '../../measure/clock.ts';
import { threadProgram } from '../../threads/programs.ts';
import type { DesignSource, Userland } from '../../vmm/design.ts';
import { driverParts, stressDriver } from '../stress-driver.ts';
import { type Plan, stressViews } from '../stress-plan.ts';
import { kindOf, SLICES, type SliceName, type SliceRing } from './slices.ts';
import { ringOf } from './timelines.ts';

/**
 * The driver thread of a traced run: keeps each change that userland makes, each ITS command, each write to the distributor.
 * The driver itself is that of an untraced run; the traced driver wraps the interfaces.
 */
export function tracedDriver(machine: Machine, plan: Plan): ReturnType<typeof stressDriver> {
  const note = new Note(ringOf(machine, plan, { driver: true }), machine.clock);
  const { memory, config } = machine;
  const bus = stressViews(machine, plan).coverage.registersOf(machine);
  const sourceOf = new Map(plan.sources.map(({ fd }, source) => [fd, source]));
  return stressDriver(machine, plan, {
    its: new NotedItsDrivers(machine.bus, memory, config, note),
    gic: new NotedGicDriver(bus, config, note),
    userland: new NotedUserland(driverParts(machine, plan).userland, sourceOf, note),
  });
}

export const tracedDriverProgram = threadProgram(import.meta.url, tracedDriver);

/** The driver's ring, and the vector that the driver has masked. */
class Note {
  readonly #ring: SliceRing;
  readonly #clock: Clock;
  /** When a vector was masked; and whether its event was mapped anew since. */
  maskedAt = 0;
  mapsAnew = false;

  constructor(ring: SliceRing, clock: Clock) {
    this.#ring = ring;
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  /** Records the slice of an action that has ended now. */
  end(name: SliceName, from: number, subject: number, which = 0, intid: Intid = 0): void {
    this.#ring.record(kindOf(name), subject, which, intid, from, this.#clock.now());
  }
}

class NotedItsDrivers extends ItsDrivers {
  readonly #note: Note;

  constructor(bus: WordBus, memory: Machine['memory'], config: Machine['config'], note: Note) {
    super(bus, memory, config);
    this.#note = note;
  }

  override send(...commands: readonly ItsCommand[]): void {
    const from = this.#note.now();
    super.send(...commands);
    const [first] = commands;
    if (!first) return;
    const name = SLICES.find((each) => each === first.name) ?? 'ITS commands';
    if (name === 'DISCARD') this.#note.mapsAnew = true;
    const [deviceId, eventId] = 'eventId' in first ? [first.deviceId, first.eventId] : [0, 0];
    this.#note.end(name, from, deviceId, eventId, 'lpi' in first ? first.lpi : 0);
  }
}

class NotedGicDriver extends GicDriver {
  readonly #note: Note;

  constructor(bus: RegisterBus, frames: GicFrames, note: Note) {
    super(bus, frames);
    this.#note = note;
  }

  override targetSpi(intid: Intid, vcpu: VcpuId): void {
    const from = this.#note.now();
    super.targetSpi(intid, vcpu);
    this.#note.end('GICD_IROUTER', from, 0, affinityOf(vcpu), intid);
  }
}

class NotedUserland implements Userland {
  readonly #userland: Userland;
  readonly #sourceOf: ReadonlyMap<Fd, number>;
  readonly #note: Note;

  constructor(userland: Userland, sourceOf: ReadonlyMap<Fd, number>, note: Note) {
    this.#userland = userland;
    this.#sourceOf = sourceOf;
    this.#note = note;
  }

  mask(fd: Fd) {
    const from = this.#note.now();
    this.#note.maskedAt = from;
    this.#note.mapsAnew = false;
    const cost = this.#userland.mask(fd);
    this.#note.end('mask', from, this.#source(fd));
    return cost;
  }

  unmask(fd: Fd) {
    const from = this.#note.now();
    const cost = this.#userland.unmask(fd);
    this.#note.end('unmask', from, this.#source(fd));
    this.#note.end(this.#note.mapsAnew ? 'remap' : 'masked', this.#note.maskedAt, this.#source(fd));
    return cost;
  }

  reroute(fd: Fd, source: DesignSource) {
    const from = this.#note.now();
    const cost = this.#userland.reroute(fd, source);
    this.#note.end('route update', from, this.#source(fd));
    return cost;
  }

  carries(source: DesignSource) {
    return this.#userland.carries(source);
  }

  connect(connection: Parameters<Userland['connect']>[0]) {
    return this.#userland.connect(connection);
  }

  connectAll(connections: Parameters<Userland['connectAll']>[0]) {
    return this.#userland.connectAll(connections);
  }

  disconnect(fd: Fd) {
    return this.#userland.disconnect(fd);
  }

  #source(fd: Fd): number {
    return this.#sourceOf.get(fd) ?? 0;
  }
}
