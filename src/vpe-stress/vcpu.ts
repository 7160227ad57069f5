import { gicrStride } from '../arch/frames.ts';
import type { Intid, VcpuId } from '../arch/intid.ts';
import { gicr } from '../arch/registers.ts';
import { VPE_DOORBELL, VPE_GROUPS, VPE_PENDING_LAST, VPE_VALID } from '../arch/tables.ts';
import { Chance } from '../base/chance.ts';
import type { Machine } from '../board/machine.ts';
import type { Guest, Vcpu } from '../board/vcpu.ts';
import { HALTED, IN_GUEST } from '../board/vcpu-control.ts';
import type { Vpe } from '../gic/vpe.ts';
import { openCpuInterface } from '../guest/index.ts';
import { stressViews } from '../stress/index.ts';
import { guestProgram } from '../threads/programs.ts';
import { hostOf, type VpePlan, vpeOfDoorbell } from './plan.ts';

/** Interrupts that a vPE takes at most before another vPE has its turn. */
const SLICE = 64;
/** Of so many idle vPEs one stays resident and waits there for its interrupts, if no other vPE wants the PE. */
const STAYS_ONE_IN = 4;

/**
 * The host's part of a vCPU thread: takes the doorbells, which make vPEs runnable, and runs one vPE after the other. A vPE that has nothing to take
 * sleeps until its doorbell rings; now and then the vPE waits on the PE instead, as a guest whose WFI does not trap.
 * A vPE that has used its slice up, or that the driver wants, leaves without a doorbell.
 */
export function vpeHost(machine: Machine, vcpu: Vcpu, plan: VpePlan): Guest {
  const { proof, pairs } = stressViews(machine, plan);
  const host = hostOf(machine, plan);
  const { bus, clock, config, gic } = machine;
  const { cpu, control } = vcpu;
  const id = cpu.vcpu;
  const bell = gic.interrupts.bell(id);
  const vpendbaser = config.gicrBase + id * gicrStride(config.vpes) + gicr.VPENDBASER;
  const chance = new Chance(plan.seed);
  chance.begin(plan.devices + 1 + id);
  const histograms = plan.sources.map(({ device }) => pairs.histogram(id, device));
  const devices = Int32Array.from(plan.sources, ({ device }) => device);

  const isCalled = () => cpu.mayBeSignalled || control.requests !== 0;

  const deliver = (intid: Intid, vpe: number, epoch: number) => {
    const source = proof.ownerOf(intid);
    const at: VcpuId = vpe;
    if (source < 0) {
      proof.violate('spurious', source, intid, at);
      return;
    }
    const device = devices[source] ?? 0;
    const signalled = proof.deliver(source, intid, at, epoch);
    if (signalled >= 0) histograms[source]?.record(clock.now() - signalled);
    pairs.count(id, device);
    proof.wake(device, source);
    control.countTaken();
  };

  /** Takes interrupts of the resident vPE; returns whether the vPE has none left. */
  const takeSome = (virtual: Vpe, vpe: number) => {
    for (let left = 1 + chance.below(SLICE); left > 0 && !isCalled() && !host.isWanted(vpe); left--) {
      const epoch = proof.epoch;
      const intid = virtual.take();
      if (intid < 0) return true;
      deliver(intid, vpe, epoch);
    }
    return false;
  };

  /** The guest's WFI with the vPE resident: a vLPI of the vPE, an interrupt of the PE or a request ends the sleep. */
  const waitResident = (virtual: Vpe, vpe: number) => {
    const ticket = bell.announce();
    if (virtual.isSignalled || isCalled() || host.isWanted(vpe) || host.isAnyRunnable) {
      bell.withdraw();
      return;
    }
    control.mode = HALTED;
    control.count('halts');
    bell.park(ticket);
    control.mode = IN_GUEST;
  };

  const run = (vpe: number) => {
    const virtual = gic.vpes?.at(vpe);
    const number = BigInt(vpe);
    host.entered(vpe, id);
    bus.write(vpendbaser, 8, VPE_VALID | VPE_GROUPS | number);
    if (!virtual || (bus.read(vpendbaser, 8) & VPE_VALID) === 0n)
      throw new Error(`vPE ${vpe} does not become resident on PE ${id}`);
    let isIdle = takeSome(virtual, vpe);
    while (isIdle && chance.below(STAYS_ONE_IN) === 0 && !host.isAnyRunnable) {
      waitResident(virtual, vpe);
      isIdle = takeSome(virtual, vpe);
    }
    if (!isIdle) {
      bus.write(vpendbaser, 8, VPE_PENDING_LAST | number);
      host.release(vpe, true);
      return;
    }
    host.falls(vpe);
    bus.write(vpendbaser, 8, VPE_DOORBELL | number);
    const isPending = (bus.read(vpendbaser, 8) & VPE_PENDING_LAST) !== 0n;
    if (isPending) host.stays(vpe);
    host.release(vpe, isPending);
  };

  return {
    boot() {
      openCpuInterface(cpu);
    },
    interrupt(intid: Intid) {
      const vpe = vpeOfDoorbell(intid);
      if (vpe < 0) return;
      if (!host.rang(vpe)) proof.violate('spurious', -1, intid, id);
      if (!host.mayRingAt(vpe, id)) proof.violate('misrouted', -1, intid, id);
      host.wake(vpe);
    },
    finished() {
      while (!isCalled()) {
        const vpe = host.claim(chance.below(plan.vpes));
        if (vpe < 0) break;
        run(vpe);
      }
      return false;
    },
  };
}

export const vpeHostProgram = guestProgram(import.meta.url, vpeHost);
