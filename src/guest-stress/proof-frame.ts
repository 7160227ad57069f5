import { FIRST_SPI, type Intid, type VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { NONE } from '../gic/interrupts.ts';
import { isPending } from '../gic/state.ts';
import { routesOf, type Source } from '../guest/index.ts';
import { Mutex } from '../memory/mutex.ts';
import { add, load, store } from '../memory/word.ts';
import type { Frame } from '../platform/bus.ts';
import { PROOF } from '../platform/memory-map.ts';
import { CHURN_COUNTS, type Plan, stressViews } from '../stress/index.ts';
import { driverRegionsOf } from './plan.ts';

/** Registers, 8 bytes each; docs/arm64.md describes them. */
export const PROOF_REGISTER = {
  epoch: 0x00,
  deliver: 0x08,
  beginMove: 0x10,
  endMove: 0x18,
  stop: 0x20,
  ready: 0x28,
  churn: 0x30,
  counts: 0x38,
  sources: 0x40,
  select: 0x48,
  event: 0x50,
  interrupt: 0x58,
  message: 0x60,
  latched: 0x68,
  deliveries: 0x70,
} as const;

const KINDS = { msi: 0n, edge: 1n, level: 2n, 'msi-spi': 1n } as const satisfies Record<
  Source['kind'],
  bigint
>;

/**
 * The proof as a device of the guest: the guest's handlers and driver report their actions to it, and read the sources from it. Each
 * access runs in the thread of the accessing vCPU, as the proof requires.
 */
export function proofFrame(machine: Machine, plan: Plan): Frame {
  const { proof, pairs, stopAt, churnAt } = stressViews(machine, plan);
  const { words, clock, vm } = machine;
  const { interrupts } = machine.gic;
  const own = driverRegionsOf(machine, plan);
  const routes = new Mutex(words, own.lock, 'proof.routes');
  const selected = (vcpu: VcpuId) => load(words, own.selected.at + vcpu);
  const sourceOf = (vcpu: VcpuId) => plan.sources[selected(vcpu)];

  const serveLevel = (source: number, intid: Intid) => {
    const irq = vm.design.lineOfPin(intid - FIRST_SPI);
    vm.irqLine(irq, false);
    // The device counts its signal, then raises the line; this thread lowers the line, then reads the count: one of the two sees the other.
    if (proof.sent(source) !== proof.seen(source)) vm.irqLine(irq, true);
  };

  const deliver = (value: bigint, vcpu: VcpuId) => {
    const intid: Intid = Number(value & 0xffff_ffffn);
    const epoch = Number(value >> 32n) | 0;
    const source = proof.ownerOf(intid);
    const found = plan.sources[source];
    if (!found) {
      proof.violate('spurious', source, intid, vcpu);
      return;
    }
    const signalled = proof.deliver(source, intid, vcpu, epoch);
    if (signalled >= 0) pairs.histogram(vcpu, found.device)?.record(clock.now() - signalled);
    pairs.count(vcpu, found.device);
    if (found.kind === 'level') serveLevel(source, intid);
    proof.wake(found.device, source);
  };

  /** The VMM's reaction to a changed message of a vector: sets a new routing table. */
  const changeMessage = (value: bigint) => {
    const source = Number(value >> 32n);
    if (source >= plan.sources.length) return;
    routes.lock();
    try {
      store(words, own.events.at + source, Number(value & 0xffffn));
      vm.setGsiRouting(routesOf(machine.config, currentSources()));
    } finally {
      routes.unlock();
    }
  };
  const currentSources = () =>
    plan.sources.map((source, index) => ({ ...source, eventId: load(words, own.events.at + index) }));

  const isLatched = (intid: Intid) => {
    const at = intid < FIRST_SPI || intid >= interrupts.idLimit ? NONE : interrupts.find(0, intid);
    return at !== NONE && isPending(interrupts.state(at));
  };

  const read = (offset: number, vcpu: VcpuId): number | bigint => {
    const source = sourceOf(vcpu);
    switch (offset) {
      case PROOF_REGISTER.epoch:
        return proof.epoch >>> 0;
      case PROOF_REGISTER.stop:
        return load(words, stopAt);
      case PROOF_REGISTER.sources:
        return plan.sources.length;
      case PROOF_REGISTER.event:
        return source
          ? (BigInt(Math.max(0, source.deviceId)) << 32n) | BigInt(Math.max(0, source.eventId))
          : 0;
      case PROOF_REGISTER.interrupt:
        return source ? BigInt(source.intid) | (BigInt(source.vcpu) << 32n) | (KINDS[source.kind] << 48n) : 0;
      case PROOF_REGISTER.latched:
        return isLatched(selected(vcpu)) ? 1 : 0;
      case PROOF_REGISTER.deliveries:
        return source ? proof.deliveries(selected(vcpu)) >>> 0 : 0;
      default:
        return 0;
    }
  };

  const write = (offset: number, value: bigint, vcpu: VcpuId): void => {
    const low = Number(value & 0xffffn);
    if (offset === PROOF_REGISTER.deliver) deliver(value, vcpu);
    else if (offset === PROOF_REGISTER.beginMove) {
      if (low < plan.sources.length)
        proof.beginMove(low, Number(value >> 32n), Number((value >> 16n) & 0xffffn));
    } else if (offset === PROOF_REGISTER.endMove) {
      if (low < plan.sources.length) proof.endMove(low);
    } else if (offset === PROOF_REGISTER.ready) store(words, own.ready.at, low);
    else if (offset === PROOF_REGISTER.churn) {
      if (low < CHURN_COUNTS.length) add(words, churnAt + low, 1);
    } else if (offset === PROOF_REGISTER.counts) {
      store(words, own.counts.at, Number(BigInt.asIntN(32, value)));
      store(words, own.counts.at + 1, Number(BigInt.asIntN(32, value >> 32n)));
    } else if (offset === PROOF_REGISTER.select)
      store(words, own.selected.at + vcpu, Number(value & 0xffff_ffffn));
    else if (offset === PROOF_REGISTER.message) changeMessage(value);
  };

  return {
    base: PROOF.base,
    bytes: PROOF.bytes,
    read: (offset, _, vcpu) => BigInt(read(offset, vcpu)),
    write: (offset, _, value, vcpu) => write(offset, value, vcpu),
  };
}
