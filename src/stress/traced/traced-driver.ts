import type { ItsCommand } from '../../arch/its-command.ts';
import { type AccessBytes, GuestBus } from '../../board/guest-bus.ts';
import { ItsDriver } from '../../board/its-driver.ts';
import type { Machine } from '../../board/machine.ts';
import type { Source, Userland } from '../../kvm/designs/design.ts';
import type { Clock } from '../../measure/clock.ts';
import { threadProgram } from '../../threads/programs.ts';
import { stressDriver } from '../stress-driver.ts';
import type { Plan } from '../stress-plan.ts';
import { kindOf, SLICES, type SliceName, type SliceRing } from './slices.ts';
import { ringOf } from './timelines.ts';

const GICD_IROUTER = 0x6000;

/**
 * The driver thread, keeping what it does: each change that userland makes, each ITS command, each write to the
 * distributor. It is the driver itself, whose parts of the machine have been exchanged for others that take note.
 */
export function tracedDriver(machine: Machine, plan: Plan): { run(): void } {
  const note = new Note(ringOf(machine, plan, { driver: true }), machine.clock);
  const { memory, config, vm } = machine;
  const { design } = vm;
  exchange(machine, 'itsDriver', new NotedItsDriver(memory, machine.mmio, config.itsBase, note));
  exchange(machine, 'mmio', new NotedMmio(machine, note));
  const sourceOf = new Map(plan.sources.map(({ fd }, source) => [fd, source]));
  exchange(vm, 'design', {
    ...design,
    makeUserland: (own, policy) => new NotedUserland(design.makeUserland(own, policy), sourceOf, note),
  });
  return stressDriver(machine, plan);
}

export const tracedDriverProgram = threadProgram(import.meta.url, tracedDriver);

/** Gives this thread's view of a machine another part, before anything has used the one that it had. */
function exchange<View extends object, Part extends keyof View>(
  view: View,
  part: Part,
  by: View[Part],
): void {
  Object.defineProperty(view, part, { value: by, enumerable: true });
}

/** The driver's ring, and the vector that it has masked. */
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

  /** Takes note of what has ended now. */
  end(name: SliceName, from: number, subject: number, which = 0, intid = 0): void {
    this.#ring.record(kindOf(name), subject, which, intid, from, this.#clock.now());
  }
}

class NotedItsDriver extends ItsDriver {
  readonly #note: Note;

  constructor(memory: Machine['memory'], mmio: GuestBus, base: number, note: Note) {
    super(memory, mmio, base);
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

class NotedMmio extends GuestBus {
  readonly #note: Note;
  readonly #gicd: number;

  constructor(machine: Machine, note: Note) {
    const { config, gic, ioeventfds, itses, vm } = machine;
    super(gic, itses, vm.vgic, ioeventfds, (fd) => machine.write(fd));
    this.#note = note;
    this.#gicd = config.gicdBase;
  }

  override write(address: number, bytes: AccessBytes, value: bigint): void {
    const from = this.#note.now();
    super.write(address, bytes, value);
    this.#note.end('GICD_IROUTER', from, 0, Number(value), (address - this.#gicd - GICD_IROUTER) / 8);
  }
}

class NotedUserland implements Userland {
  readonly #userland: Userland;
  readonly #sourceOf: ReadonlyMap<number, number>;
  readonly #note: Note;

  constructor(userland: Userland, sourceOf: ReadonlyMap<number, number>, note: Note) {
    this.#userland = userland;
    this.#sourceOf = sourceOf;
    this.#note = note;
  }

  mask(fd: number) {
    const from = this.#note.now();
    this.#note.maskedAt = from;
    this.#note.mapsAnew = false;
    const cost = this.#userland.mask(fd);
    this.#note.end('mask', from, this.#source(fd));
    return cost;
  }

  unmask(fd: number) {
    const from = this.#note.now();
    const cost = this.#userland.unmask(fd);
    this.#note.end('unmask', from, this.#source(fd));
    this.#note.end(this.#note.mapsAnew ? 'remap' : 'masked', this.#note.maskedAt, this.#source(fd));
    return cost;
  }

  reroute(fd: number, source: Source) {
    const from = this.#note.now();
    const cost = this.#userland.reroute(fd, source);
    this.#note.end('route update', from, this.#source(fd));
    return cost;
  }

  carries(source: Source) {
    return this.#userland.carries(source);
  }

  connect(connection: Parameters<Userland['connect']>[0]) {
    return this.#userland.connect(connection);
  }

  connectAll(connections: Parameters<Userland['connectAll']>[0]) {
    return this.#userland.connectAll(connections);
  }

  disconnect(fd: number) {
    return this.#userland.disconnect(fd);
  }

  #source(fd: number): number {
    return this.#sourceOf.get(fd) ?? 0;
  }
}
