import type { JsonObject } from '../../src/base/json-line.ts';
import type { RegisterPlace } from '../../src/conformance/vectors/vector-registers.ts';
import type { VectorAction } from '../../src/conformance/vectors/vector-step.ts';
import type { PlainGic, PlainInterrupt } from './plain-model.ts';

const SGI_FRAME = 0x1_0000;
const PRIORITY_MASK = 0xf0;

/** The model as the machine of a vector. */
export class ModelMachine {
  readonly #model: PlainGic;
  readonly #lpis: readonly number[];
  /** Bytes of the configuration table that are not in force yet. */
  readonly #config = new Map<number, { enabled: boolean; priority: number }>();
  #commands = 0;

  /** @param lpis - by EventID of the one device */
  constructor(model: PlainGic, lpis: readonly number[]) {
    this.#model = model;
    this.#lpis = lpis;
  }

  /** Takes a step; what is seen, where it observes. */
  step(action: VectorAction, words: readonly string[]): JsonObject | undefined {
    const seen = this.#step(action, words);
    this.#model.settle();
    return seen;
  }

  #step(action: VectorAction, words: readonly string[]): JsonObject | undefined {
    switch (action.op) {
      case 'write':
        return void this.#write(action.place as RegisterPlace, action.value);
      case 'read':
        return { at: words[0] ?? '', value: hex(this.#read(action.place as RegisterPlace)) };
      case 'line': {
        const { wire, level } = action;
        const irq = 'spi' in wire ? this.#irq(0, wire.spi) : this.#irq(wire.cpu, wire.ppi);
        return void this.#model.drive(irq, level === 1);
      }
      case 'lpi-config':
        return void this.#config.set(action.lpi, action);
      case 'msi':
        return void this.#latch(this.#irq(0, this.#lpis[action.eventId] ?? 0));
      case 'cmd':
        this.#command(action);
        this.#commands++;
        return { cmd: words.join(' '), creadr: `0x${(32 * this.#commands).toString(16)}`, stalled: 0 };
      case 'lpi-pending': {
        const irq = this.#irq(0, action.lpi);
        const pending = irq.target === action.cpu && this.#model.isPending(irq) ? 1 : 0;
        return { intid: action.lpi, cpu: action.cpu, pending };
      }
      case 'cpu':
        return this.#cpu(action);
      default:
        // The setting up: a model has its own.
        return undefined;
    }
  }

  #cpu(action: VectorAction & { op: 'cpu' }): JsonObject | undefined {
    const { cpu: id } = action;
    const cpu = this.#model.cpus[id];
    if (!cpu) throw new Error(`no vCPU ${id}`);
    const seen = { cpu: id, verb: action.verb };
    switch (action.verb) {
      case 'on':
        Object.assign(cpu, { pmr: PRIORITY_MASK, eoiMode1: false, igrpen: [false, true] });
        return undefined;
      case 'off':
        cpu.igrpen = [false, false];
        return undefined;
      case 'pmr':
        cpu.pmr = action.value & 0xf8;
        return undefined;
      case 'eoimode':
        cpu.eoiMode1 = action.mode === 1;
        return undefined;
      case 'eoi':
        return void this.#model.endOfInterrupt(id, action.intid, 1);
      case 'dir':
        return void this.#model.deactivate(id, action.intid);
      case 'sgi': {
        const to = action.to === 'others' ? [1 - id] : action.to;
        for (const target of to) {
          const irq = this.#irq(target, action.intid);
          if (this.#model.kvm || irq.group === 1) this.#latch(irq);
        }
        return undefined;
      }
      case 'ack':
        return { ...seen, intid: this.#model.acknowledge(id, 1) };
      case 'hppi':
        return { ...seen, intid: this.#model.highestPending(id, 1) };
      case 'irq':
        return { ...seen, irq: this.#model.signalled(id) === 1 ? 1 : 0 };
      case 'rpr':
        return { ...seen, value: hex(BigInt(this.#model.runningPriority(id))) };
      default:
        throw new Error(`the model has no answer to ${action.verb}`);
    }
  }

  #command({ command }: VectorAction & { op: 'cmd' }): void {
    if (!('eventId' in command)) return;
    const lpi = this.#lpis[command.eventId] ?? 0;
    const irq = this.#irq(0, lpi);
    if (command.name === 'INT') this.#latch(irq);
    if (command.name === 'CLEAR') irq.latch = false;
    if (command.name === 'MOVI') {
      irq.target = command.collectionId;
      this.#model.queue(irq);
    }
    if (command.name === 'MAPTI') Object.assign(irq, { target: command.collectionId });
    if (command.name === 'INV' || command.name === 'MAPTI') {
      const { enabled, priority } = this.#config.get(lpi) ?? irq;
      Object.assign(irq, { enabled, priority: priority & 0xfc });
      this.#model.queue(irq);
    }
  }

  #write(place: RegisterPlace, value: bigint): void {
    const model = this.#model;
    const { cpu, offset } = this.#at(place);
    const ones = this.#inWord(cpu, offset & 0x7f).filter((_, bit) => ((value >> BigInt(bit)) & 1n) === 1n);
    const queued = (change: (irq: PlainInterrupt) => void) => {
      for (const irq of ones) {
        if (!irq) continue;
        change(irq);
        model.queue(irq);
      }
    };
    if (offset === 0) {
      const one = (value & 2n) !== 0n;
      model.forwards = model.kvm ? [one, one] : [(value & 1n) !== 0n, one];
    } else if (offset < 0x100) {
      for (const irq of this.#inWord(cpu, offset & 0x7f)) {
        if (!irq) continue;
        irq.group = value === 0n ? 0 : 1;
        model.queue(irq);
      }
    } else if (offset < 0x180) queued((irq) => Object.assign(irq, { enabled: true }));
    else if (offset < 0x200) for (const irq of ones) Object.assign(irq ?? {}, { enabled: false });
    else if (offset < 0x280) queued((irq) => Object.assign(irq, { latch: true }));
    else if (offset < 0x300) for (const irq of ones) Object.assign(irq ?? {}, { latch: false });
    else if (offset < 0x380) queued((irq) => Object.assign(irq, { active: true }));
    else if (offset < 0x400) for (const irq of ones) Object.assign(irq ?? {}, { active: false });
    else if (offset < 0x800) this.#irq(cpu, offset - 0x400).priority = Number(value);
    else if (offset < 0xd00) {
      for (const irq of model.shared.values())
        if (irq.intid < 1020 && irq.intid >>> 4 === (offset - 0xc00) >>> 2) irq.edge = value !== 0n;
    } else {
      this.#irq(0, (offset - 0x6000) >>> 3).target = value < this.#model.cpus.length ? Number(value) : null;
    }
  }

  #read(place: RegisterPlace): bigint {
    const { cpu, offset } = this.#at(place);
    const isSet = (irq: PlainInterrupt) => {
      if (offset < 0x180) return irq.enabled;
      return offset < 0x280 ? this.#model.isPending(irq) : irq.active;
    };
    return this.#inWord(cpu, offset & 0x7f).reduce(
      (word, irq, bit) => (irq && isSet(irq) ? word | (1n << BigInt(bit)) : word),
      0n,
    );
  }

  /** The interrupts of a word of one bit each, by bit. */
  #inWord(cpu: number, offset: number): (PlainInterrupt | undefined)[] {
    return Array.from({ length: 32 }, (_, bit) => this.#model.find(cpu, 8 * offset + bit));
  }

  #at(place: RegisterPlace): { cpu: number; offset: number } {
    return place.frame === 'GICR'
      ? { cpu: place.cpu, offset: place.offset - SGI_FRAME }
      : { cpu: 0, offset: place.offset };
  }

  #irq(cpu: number, intid: number): PlainInterrupt {
    const irq = this.#model.find(cpu, intid);
    if (!irq) throw new Error(`no interrupt ${intid}`);
    return irq;
  }

  #latch(irq: PlainInterrupt): void {
    irq.latch = true;
    this.#model.queue(irq);
  }
}

const hex = (value: bigint) => `0x${value.toString(16)}`;
