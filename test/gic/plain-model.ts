/**
 * The interrupt controller once more, as simple as it can be written: plain objects, one thread, no bitmaps, every
 * question answered by looking at everything. It follows KVM's vgic in how it keeps its lists: an interrupt has at most
 * one owner, it is given one when something happens to it, and loses it when it has nothing to wait for.
 */
export type PlainInterrupt = {
  readonly intid: number;
  readonly kind: 'private' | 'spi' | 'lpi';
  latch: boolean;
  line: boolean;
  active: boolean;
  enabled: boolean;
  group: 0 | 1;
  priority: number;
  edge: boolean;
  /** The vCPU it goes to. */
  target: number | null;
  /** The vCPU on whose list it is. */
  owner: number | null;
  /** Its place on that list: lower is earlier. */
  place: number;
};

export type PlainCpu = {
  pmr: number;
  bpr0: number;
  bpr1: number;
  cbpr: boolean;
  eoiMode1: boolean;
  igrpen: [boolean, boolean];
  /** Active preemption levels (priorities of groups), by group. */
  active: [Set<number>, Set<number>];
  /** INTIDs in the pending table of its redistributor. */
  table: Set<number>;
  lpis: boolean;
};

export class PlainGic {
  readonly kvm: boolean;
  readonly cpus: PlainCpu[];
  readonly privates: PlainInterrupt[][];
  readonly shared: Map<number, PlainInterrupt>;
  #places = 0;
  /** The groups that the distributor forwards. */
  forwards: [boolean, boolean] = [false, false];

  constructor(kvm: boolean, vcpus: number, spis: readonly number[], lpis: readonly number[]) {
    const make = (intid: number, kind: PlainInterrupt['kind'], target: number | null): PlainInterrupt => ({
      intid,
      kind,
      latch: false,
      line: false,
      active: false,
      enabled: kvm && intid < 16,
      group: kvm || kind === 'lpi' ? 1 : 0,
      priority: 0,
      edge: intid < 16 || kind === 'lpi' || (kvm && kind === 'spi'),
      target,
      owner: null,
      place: 0,
    });
    this.kvm = kvm;
    this.privates = Array.from({ length: vcpus }, (_, vcpu) =>
      Array.from({ length: 32 }, (_, intid) => make(intid, 'private', vcpu)),
    );
    this.shared = new Map([
      ...spis.map((intid) => [intid, make(intid, 'spi', 0)] as const),
      ...lpis.map((intid) => [intid, make(intid, 'lpi', null)] as const),
    ]);
    this.cpus = Array.from({ length: vcpus }, () => ({
      pmr: 0,
      bpr0: 2,
      bpr1: 3,
      cbpr: false,
      eoiMode1: false,
      igrpen: [false, false],
      active: [new Set<number>(), new Set<number>()],
      table: new Set<number>(),
      lpis: false,
    }));
  }

  find(vcpu: number, intid: number): PlainInterrupt | undefined {
    return intid < 32 ? this.privates[vcpu]?.[intid] : this.shared.get(intid);
  }

  all(): PlainInterrupt[] {
    return [...this.privates.flat(), ...this.shared.values()];
  }

  isPending(irq: PlainInterrupt): boolean {
    return irq.latch || (!irq.edge && irq.line);
  }

  /** Where an interrupt belongs now: KVM's "target oracle". */
  #oracle(irq: PlainInterrupt): number | null {
    if (irq.active) return irq.owner ?? irq.target;
    if (!irq.enabled || !this.isPending(irq)) return null;
    return this.forwards[0] || this.forwards[1] ? irq.target : null;
  }

  /** Something has happened to the interrupt: it gets an owner if it needs one. */
  queue(irq: PlainInterrupt): void {
    if (irq.owner === null) this.#move(irq, this.#oracle(irq));
  }

  /** Puts an interrupt at the end of a list; one that is there already keeps its place. */
  #move(irq: PlainInterrupt, owner: number | null): void {
    if (irq.owner === owner) return;
    irq.owner = owner;
    irq.place = ++this.#places;
  }

  /** To be called after everything that happens: takes off the lists what has no reason to be there, moves what has moved. */
  settle(): void {
    for (const irq of this.all()) {
      if (!this.kvm) irq.owner = null;
      if (!this.kvm) this.queue(irq);
      else if (irq.owner !== null) this.#move(irq, this.#oracle(irq));
    }
  }

  drive(irq: PlainInterrupt, level: boolean): void {
    if (this.kvm && irq.edge) {
      if (!level) return;
      irq.latch = true;
    } else {
      if (irq.line === level) return;
      irq.line = level;
      if (level && irq.edge) irq.latch = true;
    }
    this.queue(irq);
  }

  /** Turns LPIs of a vCPU on (its PENDBASER having PTZ) or off. */
  setLpis(vcpu: number, on: boolean): void {
    const cpu = this.#cpu(vcpu);
    if (cpu.lpis === on) return;
    cpu.lpis = on;
    for (const irq of this.shared.values()) {
      if (irq.kind !== 'lpi' || irq.target !== vcpu) continue;
      if (this.kvm) {
        if (!on && irq.owner === vcpu) Object.assign(irq, { owner: null, latch: false });
      } else if (on) {
        if (cpu.table.delete(irq.intid)) irq.latch = true;
      } else {
        if (irq.latch) cpu.table.add(irq.intid);
        irq.latch = false;
      }
    }
  }

  #cpu(vcpu: number): PlainCpu {
    const cpu = this.cpus[vcpu];
    if (!cpu) throw new Error(`no vCPU ${vcpu}`);
    return cpu;
  }

  runningPriority(vcpu: number): number {
    const { active } = this.#cpu(vcpu);
    return Math.min(0xff, ...active[0], ...active[1]);
  }

  groupPriority(vcpu: number, irq: PlainInterrupt): number {
    const cpu = this.#cpu(vcpu);
    const shift = irq.group === 1 && !cpu.cbpr ? cpu.bpr1 : cpu.bpr0 + 1;
    return Math.floor(irq.priority / 2 ** shift) * 2 ** shift;
  }

  candidate(vcpu: number): PlainInterrupt | undefined {
    const cpu = this.#cpu(vcpu);
    return this.all()
      .filter((irq) => irq.owner === vcpu && irq.enabled && !irq.active && this.isPending(irq))
      .filter(({ group }) => cpu.igrpen[group] && this.forwards[group])
      .sort((a, b) => a.priority - b.priority || (this.kvm ? a.place - b.place : a.intid - b.intid))[0];
  }

  highestPending(vcpu: number, group: 0 | 1): number {
    const irq = this.candidate(vcpu);
    return irq?.group === group ? irq.intid : 1023;
  }

  signalled(vcpu: number): 0 | 1 | undefined {
    const irq = this.candidate(vcpu);
    if (!irq || irq.priority >= this.#cpu(vcpu).pmr) return undefined;
    return this.groupPriority(vcpu, irq) < this.runningPriority(vcpu) ? irq.group : undefined;
  }

  acknowledge(vcpu: number, group: 0 | 1): number {
    const irq = this.candidate(vcpu);
    if (!irq || irq.group !== group || this.signalled(vcpu) === undefined) return 1023;
    // KVM has no active and pending level interrupt in a list register: it forgets the latch when the interrupt ends.
    if (irq.kind === 'lpi' || irq.edge || !this.kvm) irq.latch = false;
    irq.active = irq.kind !== 'lpi';
    this.#cpu(vcpu).active[group].add(this.groupPriority(vcpu, irq));
    return irq.intid;
  }

  endOfInterrupt(vcpu: number, intid: number, group: 0 | 1): void {
    const cpu = this.#cpu(vcpu);
    if (intid >= 1020 && intid <= 1023) return;
    const top = this.runningPriority(vcpu);
    const topGroup = cpu.active[0].has(top) ? 0 : 1;
    if (!this.kvm && (top === 0xff || topGroup !== group)) return;
    cpu.active[topGroup].delete(top);
    const irq = this.find(vcpu, intid);
    if (cpu.eoiMode1 || irq?.group !== group) return;
    if (this.kvm && (top === 0xff || irq.owner !== vcpu || this.groupPriority(vcpu, irq) !== top)) return;
    this.end(irq);
  }

  /** The guest ends an interrupt. */
  end(irq: PlainInterrupt): void {
    if (!irq.active) return;
    irq.active = false;
    if (this.kvm && !irq.edge) irq.latch = false;
  }

  deactivate(vcpu: number, intid: number): void {
    const irq = this.find(vcpu, intid);
    if (this.#cpu(vcpu).eoiMode1 && irq) this.end(irq);
  }
}
