import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Machine } from '../board/machine.ts';
import { isPending, targetOf } from '../gic/state.ts';
import type { HarnessPlan, HarnessViews } from './plan.ts';

/** How long between two looks, ms. */
const LOOK_MS = 2;
/** Looks for which a machine may go on after everything was delivered: two vCPUs may send SGIs to each other for ever. */
const GRACE_LOOKS = 250;
/** How long a machine is at rest before a signal without a delivery counts as lost: its vCPU may lack a core to wake up on. */
const LOST_MS = 2_000;

/** The fate of the signals once every device had returned. */
export type Rest = {
  /** Events whose last signal is left pending, because their vCPU has stopped. */
  readonly left: number;
};

export type RestParts = {
  readonly machine: Machine;
  readonly plan: HarnessPlan;
  readonly views: HarnessViews;
  readonly boundMs: number;
  /** Events whose route the caller has changed: their signals may lead elsewhere, so the proof does not judge them. */
  readonly unjudged: ReadonlySet<number>;
  /** Whether a vCPU has left its guest for good. */
  readonly hasLeft: (vcpu: VcpuId) => boolean;
  /** Whether to give up: the run has failed, or the machine is closing. */
  readonly isOver: () => boolean;
};

/**
 * Waits until every signal was followed by a delivery, and every handler has returned. The main thread, after the last
 * device has returned.
 * @throws IrqError `ERR_DELIVERY` where the machine comes to rest without a delivery; `ERR_THREAD_SILENT` past the bound
 */
export async function awaitDeliveries(parts: RestParts): Promise<Rest> {
  const { machine, boundMs, isOver } = parts;
  let end = performance.now() + boundMs;
  let fewest = Number.POSITIVE_INFINITY;
  let before = '';
  let restingSince = 0;
  for (let grace = GRACE_LOOKS; !isOver(); ) {
    const { open, left } = openSources(parts);
    const now = performance.now();
    const taken = isAtRest(parts) ? takenOf(machine) : '';
    const isResting = taken !== '' && taken === before;
    before = taken;
    if (!isResting) restingSince = now;
    if (open.length === 0 && busyVcpus(parts).length === 0 && (isResting || grace-- <= 0)) return { left };
    if (open.length > 0 && now - restingSince > Math.min(LOST_MS, boundMs)) throw lost(parts, open);
    if (open.length < fewest) {
      fewest = open.length;
      end = now + boundMs;
    }
    if (now > end) throw silent(parts, open);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return { left: 0 };
}

/** Events whose last signal no handler has seen begin; `left` counts those whose vCPU has stopped. */
function openSources({ machine, plan, views, unjudged, hasLeft }: RestParts): {
  open: number[];
  left: number;
} {
  const { interrupts } = machine.gic;
  const unsettled = [...plan.sources.keys()].filter(
    (source) => !unjudged.has(source) && !views.proof.isSettled(source),
  );
  const open = unsettled.filter((source) => {
    const state = interrupts.state(interrupts.find(0, views.proof.intidOf(source)));
    return !(isPending(state) && hasLeft(targetOf(state)));
  });
  return { open, left: unsettled.length - open.length };
}

function isAtRest({ machine, hasLeft }: RestParts): boolean {
  if (machine.vm.irqfds.anyPending) return false;
  return vcpusOf(machine).every((vcpu) => hasLeft(vcpu) || machine.control(vcpu).isHalted);
}

const vcpusOf = ({ config }: Machine) => Array.from({ length: config.vcpus }, (_, vcpu) => vcpu);

const takenOf = (machine: Machine) =>
  vcpusOf(machine)
    .map((vcpu) => machine.control(vcpu).taken)
    .join();

const busyVcpus = ({ machine, views, plan }: RestParts) =>
  vcpusOf(machine).filter((vcpu) => plan.sources.some(({ intid }) => views.places.isIn(vcpu, intid)));

/** The events, named: the first few of them. */
function named({ machine, plan, views }: RestParts, open: readonly number[]): string {
  const { interrupts } = machine.gic;
  const shown = open.slice(0, 4).map((source) => {
    const { device, eventId } = plan.sources[source] ?? { device: -1, eventId: -1 };
    const intid = views.proof.intidOf(source);
    const state = interrupts.state(interrupts.find(0, intid));
    const where = isPending(state) ? `pending at vcpu${targetOf(state)}` : 'pending nowhere';
    return `event ${eventId} of device${device} (INTID ${intid}, ${where})`;
  });
  const more = open.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

function lost(parts: RestParts, open: readonly number[]): IrqError {
  return new IrqError(
    'ERR_DELIVERY',
    `the machine is at rest, and no delivery followed the last signal of ${named(parts, open)}`,
  );
}

function silent(parts: RestParts, open: readonly number[]): IrqError {
  const { machine, views, boundMs, hasLeft } = parts;
  const busy = vcpusOf(machine)
    .filter((vcpu) => !hasLeft(vcpu) && !machine.control(vcpu).isHalted)
    .map((vcpu) => `vcpu${vcpu}${views.places.callOf(vcpu) ? ` in ${views.places.callOf(vcpu)}` : ''}`);
  const who = busy.length === 0 ? 'every vCPU sleeps' : `${busy.join(', ')} still runs`;
  const what = open.length === 0 ? '' : `; no delivery followed the last signal of ${named(parts, open)}`;
  return new IrqError(
    'ERR_THREAD_SILENT',
    `the machine did not come to rest within ${boundMs} ms: ${who}${what}`,
  );
}
