/**
 * An IOAPIC with local APICs, written from the register descriptions as plainly as possible: objects, sets and arrays, no
 * bit of the code under test, and no thread.
 */
export type Message = {
  readonly vector: number;
  /** 0 fixed, 1 lowest priority. */
  readonly mode: number;
  readonly logical: boolean;
  readonly level: boolean;
  readonly destination: number;
  readonly hint?: boolean;
};

type Entry = Message & { readonly masked: boolean; readonly low: boolean };

class PlainPin {
  entry: Entry = {
    vector: 0,
    mode: 0,
    logical: false,
    level: false,
    destination: 0,
    masked: true,
    low: false,
  };
  readonly sources = new Set<number>();
  up = false;
  edgeSent = false;
  remoteIrr = false;
}

class PlainLocal {
  enabled = false;
  taskPriority = 0;
  logicalId = 0;
  flat = true;
  readonly requested = new Set<number>();
  readonly inService = new Set<number>();
  readonly level = new Set<number>();
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  hears({ destination, logical }: Message): boolean {
    if (destination === 255) return true;
    if (!logical) return destination === this.id;
    if (!this.enabled) return false;
    const shared = [...Array(8).keys()].filter((bit) => has(destination, bit) && has(this.logicalId, bit));
    if (this.flat) return shared.length > 0;
    const sameCluster = Math.floor(destination / 16) === Math.floor(this.logicalId / 16);
    return sameCluster && shared.some((bit) => bit < 4);
  }

  best(): number {
    const vector = Math.max(-1, ...this.requested);
    const running = Math.floor(Math.max(0, ...this.inService) / 16);
    const threshold = Math.max(running, Math.floor(this.taskPriority / 16));
    return vector >= 0 && Math.floor(vector / 16) > threshold ? vector : -1;
  }
}

const has = (value: number, bit: number) => Math.floor(value / 2 ** bit) % 2 === 1;

export class PlainApic {
  readonly pins = Array.from({ length: 24 }, () => new PlainPin());
  readonly locals: readonly PlainLocal[];
  readonly watched = new Set<number>();
  /** Ends that watchers were told of, in order. */
  readonly ended: number[] = [];

  constructor(vcpus: number) {
    this.locals = Array.from({ length: vcpus }, (_, id) => new PlainLocal(id));
  }

  send(message: Message): number {
    if (message.mode > 1) return -1;
    const hearers = this.locals.filter((local) => local.hears(message));
    let takers = hearers;
    if (message.logical && (message.mode === 1 || message.hint)) {
      const able = hearers.filter(({ enabled }) => enabled);
      takers = able.filter((_, index) => index === message.vector % able.length);
      if (takers.length === 0) return -1;
    }
    if (takers.length === 0) return -1;
    const able = takers.filter(({ enabled }) => enabled);
    for (const local of able) {
      local.requested.add(message.vector);
      if (message.level) local.level.add(message.vector);
      else local.level.delete(message.vector);
    }
    return able.length;
  }

  drive(number: number, source: number, level: boolean): number {
    const pin = this.pins[number];
    if (!pin) return -1;
    if (level) pin.sources.add(source);
    else pin.sources.delete(source);
    const wasUp = pin.up;
    pin.up = pin.sources.size > 0;
    if (!pin.up) return 1;
    if (pin.entry.level) return this.service(pin);
    pin.edgeSent = false;
    return wasUp ? 0 : this.service(pin);
  }

  private service(pin: PlainPin): number {
    const { entry } = pin;
    if (entry.masked || (entry.level && pin.remoteIrr)) return -1;
    if (!entry.level) pin.edgeSent = true;
    const taken = this.send(entry);
    if (entry.level && taken !== 0) pin.remoteIrr = true;
    return taken;
  }

  /** Writes one half of an entry, as the two 32-bit registers are written. */
  program(number: number, change: Partial<Entry>): void {
    const pin = this.pins[number];
    if (!pin) return;
    pin.entry = { ...pin.entry, ...change };
    if (!pin.entry.level) pin.remoteIrr = false;
    else if (pin.up) this.service(pin);
  }

  acknowledge(vcpu: number): number {
    const local = this.locals[vcpu];
    const vector = local?.best() ?? -1;
    if (vector < 0) return -1;
    local?.requested.delete(vector);
    local?.inService.add(vector);
    return vector;
  }

  endOfInterrupt(vcpu: number): number {
    const local = this.locals[vcpu];
    const vector = Math.max(-1, ...(local?.inService ?? []));
    if (vector < 0) return -1;
    local?.inService.delete(vector);
    const level = local?.level.has(vector) ?? false;
    for (const [number, pin] of this.pins.entries()) {
      if (pin.entry.vector !== vector) continue;
      if (this.watched.has(number)) this.ended.push(number);
      if (!level) continue;
      pin.remoteIrr = false;
      if (pin.entry.level && pin.up) this.service(pin);
    }
    return vector;
  }
}
