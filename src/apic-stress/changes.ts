import type { VcpuId } from '../arch/intid.ts';
import { hasIrqFd, type Source } from '../guest/index.ts';
import type { ApicContext } from './context.ts';

/**
 * The changes of one source on x86 by a guest's drivers and its VMM while the device signals. Each change tells the proof
 * when the change begins and when the change is complete: a sent message stays at its vCPU, so a change is complete when that
 * vCPU has taken the message. An edge on a masked pin is lost, on x86 as in KVM: so a change that masks an edge makes the
 * edge pending afterwards. The driver's thread.
 */
export class ApicChanges {
  readonly #context: ApicContext;

  constructor(context: ApicContext) {
    this.#context = context;
  }

  /** Another vCPU: an MSI's address by KVM_SET_GSI_ROUTING, a pin's destination in its entry. */
  move(which: number, source: Source): boolean {
    const context = this.#context;
    this.#renamed(source, { vcpu: context.chance.below(context.plan.vcpus) }, () => {
      if (source.kind === 'msi') this.#send(which);
      // Only the half with the destination, so a pin keeps the way its entry names a vCPU: the pin may be delivered between
      // the halves.
      else context.writeDestination(which);
    });
    context.count('moves');
    return true;
  }

  /** The table once more, with the same messages. */
  reroute(): boolean {
    this.#context.replaceTable();
    this.#context.count('routeUpdates');
    return true;
  }

  /**
   * Another vector, as Linux changes it: a pin is masked meanwhile, and a level that has not ended keeps its vector, because its
   * EOI finds the pin by the vector.
   */
  remap(which: number, source: Source): boolean {
    const context = this.#context;
    const vector = context.spareVectors.shift();
    if (vector === undefined) return false;
    const isPin = source.kind !== 'msi';
    if (isPin) context.writeLow(which, { masked: true });
    if (source.kind === 'level' && context.isInFlight(source.gsi as number)) {
      context.writeLow(which);
      context.spareVectors.push(vector);
      return false;
    }
    const isFree = this.#renamed(source, { intid: vector }, () => {
      if (!isPin) return this.#send(which);
      context.redraw(which);
      context.writeEntry(which);
    });
    if (source.kind === 'edge') this.raise(which, source);
    if (isFree && context.waitForHandlers()) context.spareVectors.push(source.intid);
    context.count('remaps');
    return true;
  }

  /** Takes an irqfd away and assigns the irqfd again: signals that come meanwhile wait in the eventfd. */
  mask(_which: number, source: Source): boolean {
    if (!hasIrqFd(source)) return false;
    const context = this.#context;
    const { account } = context.views;
    const line = source.resamplefd < 0 ? -1 : context.lineOf(source);
    if (line >= 0) account.masks(line);
    context.deassign(source);
    context.spin();
    context.assign(source);
    if (line >= 0) account.masks(line);
    // Detaching the last irqfd of a line has lowered the line: its device has to look again.
    if (line >= 0) context.vmm.write(source.resamplefd);
    context.count('masks');
    return true;
  }

  /** Masks a pin and unmasks the pin: a level that came meanwhile is delivered then. */
  toggle(which: number, source: Source): boolean {
    if (source.kind === 'msi') return false;
    this.#context.writeLow(which, { masked: true });
    this.#context.spin();
    this.#context.writeLow(which);
    if (source.kind === 'edge') this.raise(which, source);
    this.#context.count('toggles');
    return true;
  }

  /** The other trigger mode for a moment, the pin masked: so Linux clears remote IRR on old IOAPICs. A level comes again then. */
  flip(which: number, source: Source): boolean {
    const { kind, resamplefd } = source;
    if (kind === 'msi' || resamplefd >= 0) return false;
    const context = this.#context;
    context.writeLow(which, { masked: true, edge: kind === 'level' });
    context.spin();
    context.writeLow(which, { masked: true });
    context.writeLow(which);
    if (kind === 'edge') this.raise(which, source);
    context.count('swaps');
    return true;
  }

  /**
   * Makes a source pending by the VMM's means: KVM_SIGNAL_MSI with its message, a write to the eventfd of an edge. The
   * delivery that follows covers every signal before.
   */
  raise(which: number, source: Source): boolean {
    if (source.kind === 'level') return false;
    const context = this.#context;
    const { proof } = context.views;
    proof.raise(which);
    if (source.kind === 'edge') context.vmm.write(source.fd);
    else if (context.vmm.signalMsi({ ...context.messageOf(which), flags: 0, deviceId: 0 }) !== 1)
      proof.violate('lost', which, source.intid, source.vcpu);
    context.count('raises');
    return true;
  }

  /** An MSI's new message, which may name its vCPU another way. */
  #send(which: number): void {
    this.#context.redraw(which);
    this.#context.replaceTable();
  }

  /**
   * Gives a source, and those that share its line, new names, and makes the change; returns whether the vCPU has taken all
   * messages under the old names.
   */
  #renamed(before: Source, names: Partial<Pick<Source, 'intid' | 'vcpu'>>, change: () => void): boolean {
    const context = this.#context;
    const { proof } = context.views;
    const sharers = context.sharersOf(before);
    const after = { ...before, ...names };
    const vcpu: VcpuId = after.vcpu;
    for (const each of sharers) {
      proof.beginMove(each, after.intid, vcpu);
      const source = context.sources[each];
      if (source) context.rename(each, { ...source, intid: after.intid, vcpu });
    }
    change();
    const isElsewhere = after.intid !== before.intid || vcpu !== before.vcpu;
    if (isElsewhere && !context.waitUntilTaken(before.intid, before.vcpu)) return false;
    for (const each of sharers) proof.endMove(each);
    return true;
  }
}
