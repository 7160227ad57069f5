import { IOREDTBL, IOREGSEL, IOWIN, MASKED, REMOTE_IRR } from '../apic/ioapic.ts';
import { DELIVERY_SHIFT, LEVEL_TRIGGERED, LOGICAL, LOWEST_PRIORITY, msiOf } from '../apic/message.ts';
import type { Pin, VcpuId } from '../arch/intid.ts';
import { Chance } from '../base/chance.ts';
import type { ApicBoard } from '../board/apic-board.ts';
import { hasIrqFd, type Source } from '../guest/index.ts';
import type { Gsi } from '../kvm/gsi.ts';
import { KVM_IRQCHIP_IOAPIC } from '../kvm/ioapic/ioapic-irqchip.ts';
import { ROUTE_IRQCHIP, ROUTE_MSI } from '../kvm/route.ts';
import { IRQFD_DEASSIGN, IRQFD_RESAMPLE } from '../kvm-abi/irqfd-args.ts';
import type { RoutingEntry } from '../kvm-abi/routing-entry.ts';
import { X86KvmVm } from '../kvm-abi/x86-kvm-vm.ts';
import { nap } from '../memory/nap.ts';
import { add, load } from '../memory/word.ts';
import { CHURN_COUNTS, type ChurnCount, type Plan, stressViews } from '../stress/index.ts';
import { isFlat, spareVectors, stressMachineOf } from './plan.ts';

/** Longest wait for a vector to be taken, ms, and the least number of looks in that time: a machine may stop all its threads. */
const QUIET_MS = 2_000;
const LEAST_LOOKS = 300;
const NAP_MS = 0.05;
const DESTINATION_SHIFT = 24;

/** How a message names its vCPU: its APIC ID, its bit, or its bit in lowest-priority mode. */
type Naming = 'physical' | 'logical' | 'lowest';
const NAMINGS = ['physical', 'logical', 'lowest'] as const satisfies readonly Naming[];

/** The bits of an entry of the redirection table beside its message. */
type EntryBits = { readonly masked?: boolean; readonly edge?: boolean };

/**
 * The state that every change of the driver on x86 needs: the present names of the sources, the VMM's calls, the guest's
 * writes to the IOAPIC, waits that end with the run. The driver's thread, which alone selects registers of the IOAPIC.
 */
export class ApicContext {
  readonly board: ApicBoard;
  readonly plan: Plan;
  readonly views: ReturnType<typeof stressViews>;
  readonly chance: Chance;
  readonly vmm: X86KvmVm;
  /** The present name of each source. */
  readonly sources: Source[];
  /** By GSI, because sources that share a pin share its entry. */
  readonly #namings = new Map<Gsi, Naming>();
  readonly spareVectors: number[];
  /** By how much a nap of the driver was longer than asked for, ms: the slowest so far. */
  slowestWakeMs = 0;

  constructor(board: ApicBoard, plan: Plan) {
    this.board = board;
    this.plan = plan;
    this.views = stressViews(stressMachineOf(board), plan);
    this.chance = new Chance(plan.seed);
    this.chance.begin(0);
    this.vmm = new X86KvmVm(board.vm);
    this.sources = [...plan.sources];
    this.spareVectors = spareVectors(plan);
  }

  /**
   * The first calls of a VMM and its guest: the irqchip, the entries of the pins, the routing table, an irqfd for each
   * source.
   */
  connect(): void {
    this.vmm.createIrqchip();
    for (const [which, { kind }] of this.sources.entries()) if (kind !== 'msi') this.writeEntry(which);
    this.replaceTable();
    for (const source of this.sources) if (hasIrqFd(source)) this.assign(source);
  }

  assign({ fd, gsi, resamplefd }: Source): void {
    const flags = resamplefd < 0 ? 0 : IRQFD_RESAMPLE;
    this.vmm.irqfd({ fd, gsi, flags, resamplefd });
  }

  deassign({ fd, gsi }: Source): void {
    this.vmm.irqfd({ fd, gsi, flags: IRQFD_DEASSIGN, resamplefd: -1 });
  }

  // ---- names

  rename(which: number, source: Source): void {
    this.sources[which] = source;
  }

  /** Draws another way to name the vCPU of a source. */
  redraw(which: number): void {
    const naming = isFlat(this.plan) ? NAMINGS[this.chance.below(NAMINGS.length)] : undefined;
    this.#namings.set(this.#source(which).gsi, naming ?? 'physical');
  }

  /** All sources of a line, or the source alone. */
  sharersOf({ intid }: Source): number[] {
    return this.sources.flatMap((source, which) => (source.intid === intid ? [which] : []));
  }

  lineOf({ intid }: Source): number {
    return this.views.lines.findIndex(({ sources }) => this.sources[sources[0] ?? -1]?.intid === intid);
  }

  /** The message of a source: an MSI's address and data. */
  messageOf(which: number): { address: number; data: number } {
    const source = this.#source(which);
    const naming = this.#namingOf(source);
    return msiOf({
      destination: this.#destinationOf(source),
      logical: naming !== 'physical',
      lowestPriority: naming === 'lowest',
      vector: source.intid,
    });
  }

  #namingOf({ gsi }: Source): Naming {
    return this.#namings.get(gsi) ?? 'physical';
  }

  #destinationOf(source: Source): number {
    return this.#namingOf(source) === 'physical' ? source.vcpu : 1 << source.vcpu;
  }

  // ---- the VMM

  /** KVM_SET_GSI_ROUTING: the whole table, as the sources are called now. */
  replaceTable(): void {
    const seen = new Set<number>();
    const entries = this.sources.flatMap((source, which): RoutingEntry[] => {
      const { kind, gsi } = source;
      if (seen.has(gsi)) return [];
      seen.add(gsi);
      if (kind === 'msi') return [{ gsi, type: ROUTE_MSI, flags: 0, ...this.messageOf(which) }];
      return [{ gsi, type: ROUTE_IRQCHIP, flags: 0, irqchip: KVM_IRQCHIP_IOAPIC, pin: gsi as number }];
    });
    this.vmm.setGsiRouting({ flags: 0, entries });
  }

  // ---- the guest's IOAPIC

  /** Writes both halves of a pin's entry: the destination first, because the low half may deliver. */
  writeEntry(which: number, bits: EntryBits = {}): void {
    this.writeDestination(which);
    this.writeLow(which, bits);
  }

  /** Writes the high half. */
  writeDestination(which: number): void {
    const source = this.#source(which);
    this.#write(IOREDTBL + 2 * source.gsi + 1, this.#destinationOf(source) << DESTINATION_SHIFT);
  }

  /** Writes the low half: vector, delivery mode, trigger mode, mask. */
  writeLow(which: number, { masked = false, edge }: EntryBits = {}): void {
    const source = this.#source(which);
    const { gsi, intid: vector, kind } = source;
    const naming = this.#namingOf(source);
    const isLevel = edge === undefined ? kind === 'level' : !edge;
    this.#write(
      IOREDTBL + 2 * gsi,
      vector |
        (naming === 'lowest' ? LOWEST_PRIORITY << DELIVERY_SHIFT : 0) |
        (naming === 'physical' ? 0 : LOGICAL) |
        (isLevel ? LEVEL_TRIGGERED : 0) |
        (masked ? MASKED : 0),
    );
  }

  /** Whether a level of the pin was delivered and has not ended. */
  isInFlight(pin: Pin): boolean {
    const { ioapic } = this.board.apic;
    ioapic.write(IOREGSEL, IOREDTBL + 2 * pin);
    return (ioapic.read(IOWIN) & REMOTE_IRR) !== 0;
  }

  #write(register: number, value: number): void {
    const { ioapic } = this.board.apic;
    ioapic.write(IOREGSEL, register);
    ioapic.write(IOWIN, value);
  }

  #source(which: number): Source {
    const source = this.sources[which];
    if (!source) throw new RangeError(`there is no source ${which}`);
    return source;
  }

  // ---- waits

  /** Waits until a vCPU has taken a vector. False if the run ends first, or the time is up. */
  waitUntilTaken(vector: number, vcpu: VcpuId): boolean {
    const local = this.board.local(vcpu);
    return this.until(() => !local.isRequested(vector));
  }

  /** Waits until every handler that may be running has ended. */
  waitForHandlers(): boolean {
    for (let vcpu: VcpuId = 0; vcpu < this.plan.vcpus; vcpu++) {
      const control = this.board.control(vcpu);
      const taken = control.taken;
      if (!this.until(() => control.taken !== taken || control.isHalted)) return false;
    }
    return true;
  }

  until(done: () => boolean, timeoutMs = QUIET_MS, leastLooks = LEAST_LOOKS): boolean {
    const end = this.board.clock.now() + timeoutMs * 1e6;
    for (let looks = 0; !done(); looks++) {
      if (this.stopping || (looks > leastLooks && this.board.clock.now() > end)) return done();
      this.nap(NAP_MS);
    }
    return true;
  }

  /** Sleeps, and notes how late the thread came back. */
  nap(ms: number): void {
    const { clock } = this.board;
    const start = clock.now();
    nap(ms);
    this.slowestWakeMs = Math.max(this.slowestWakeMs, (clock.now() - start) / 1e6 - ms);
  }

  get stopping(): boolean {
    return load(this.board.words, this.views.stopAt) !== 0;
  }

  /** Lets some time pass for signals to come into; not a wait for anything. */
  spin(): void {
    for (let turns = this.chance.below(2_000); turns > 0 && !this.stopping; turns--);
  }

  count(what: ChurnCount): void {
    add(this.board.words, this.views.churnAt + CHURN_COUNTS.indexOf(what), 1);
  }
}
