import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gicd, gicr } from '../../src/arch/registers.ts';
import { prune } from '../../src/gic/queueing.ts';
import { ACTIVE, ENABLED, isPending } from '../../src/gic/state.ts';
import { LPIS, type Operation, operation, SPIS, VCPUS } from './operations.ts';
import { PlainGic } from './plain-model.ts';
import { makeRig, mapLpi, pendingTableOf, type Rig, turnOn } from './rig.ts';

type Pair = { readonly rig: Rig; readonly model: PlainGic };

/** Both, with everything turned on, so that random operations reach something soon. */
function pair(personality: 'kvm' | 'qemu-virt', Model = PlainGic): Pair {
  const rig = makeRig({ personality, vcpus: VCPUS, spis: 64 });
  const model = new Model(personality === 'kvm', VCPUS, SPIS, LPIS);
  turnOn(rig);
  model.forwards = [true, true];
  for (const cpu of model.cpus) Object.assign(cpu, { pmr: 0xf8, igrpen: [true, true] });
  for (let vcpu = 0; vcpu < VCPUS; vcpu++) {
    rig.gic.redistributor(vcpu).write(gicr.PENDBASER, 8, BigInt(pendingTableOf(vcpu)) | (1n << 62n));
    rig.gic.redistributor(vcpu).write(gicr.CTLR, 4, 1n);
    model.setLpis(vcpu, true);
  }
  for (const lpi of LPIS) {
    mapLpi(rig, lpi, 0);
    Object.assign(model.find(0, lpi) ?? {}, { target: 0, enabled: true, priority: 0xa0 });
  }
  return { rig, model };
}

/** What can be seen of the machine from outside. */
function seenOfGic({ gic }: Rig) {
  const { interrupts } = gic;
  const stateOf = (vcpu: number, intid: number) => {
    const state = interrupts.state(interrupts.find(vcpu, intid));
    const letters = `${state & ENABLED ? 'e' : ''}${state & ACTIVE ? 'a' : ''}${isPending(state) ? 'p' : ''}`;
    return `${intid}${letters}`;
  };
  return {
    cpus: gic.cpuInterfaces.map((cpu) => ({
      next: [cpu.highestPendingGroup0, cpu.highestPending],
      signalled: cpu.fiq ? 0 : cpu.irq ? 1 : undefined,
      running: cpu.runningPriority,
    })),
    privates: gic.redistributors.flatMap(({ vcpu }) => [0, 1, 16, 20].map((intid) => stateOf(vcpu, intid))),
    shared: [...SPIS, ...LPIS].map((intid) => stateOf(0, intid)),
  };
}

function seenOfModel(model: PlainGic): ReturnType<typeof seenOfGic> {
  const stateOf = (vcpu: number, intid: number) => {
    const irq = model.find(vcpu, intid);
    if (!irq) throw new Error(`no interrupt ${intid}`);
    return `${intid}${irq.enabled ? 'e' : ''}${irq.active ? 'a' : ''}${model.isPending(irq) ? 'p' : ''}`;
  };
  return {
    cpus: model.cpus.map((_, vcpu) => ({
      next: [model.highestPending(vcpu, 0), model.highestPending(vcpu, 1)] as never,
      signalled: model.signalled(vcpu),
      running: model.runningPriority(vcpu),
    })),
    privates: model.cpus.flatMap((_, vcpu) => [0, 1, 16, 20].map((intid) => stateOf(vcpu, intid))),
    shared: [...SPIS, ...LPIS].map((intid) => stateOf(0, intid)),
  };
}

/**
 * Every vCPU leaves the guest. In KVM that prunes its list, and what is on the list can be seen from outside: it is what keeps its
 * turn when it comes again, and what is forgotten when LPIs are turned off.
 */
function leave({ rig: { gic }, model }: Pair): void {
  model.settle();
  if (gic.personality.requeues) return;
  for (let vcpu = 0; vcpu < VCPUS; vcpu++) prune(gic.interrupts, vcpu);
}

/** What follows an operation: a comparison of both, or every vCPU leaves the guest, or they stay there if they can. */
const AFTERWARDS = ['look', 'leave', 'stay'] as const;
type Step = readonly [Operation, (typeof AFTERWARDS)[number]];

/** Runs operations on both; the first difference, or undefined. */
function difference(both: Pair, steps: readonly Step[]): unknown {
  const { rig, model } = both;
  for (const [index, [step, afterwards]] of steps.entries()) {
    if (!step.besideGuest) leave(both);
    const got = step.onGic(rig.gic);
    const wanted = step.onModel(model);
    const answers = typeof wanted === 'number' || typeof wanted === 'string';
    if (answers && got !== wanted) return { step: `${index}: ${step.name}`, got, wanted };
    const looks = afterwards === 'look' || index + 1 === steps.length;
    if (looks || afterwards === 'leave' || !step.besideGuest) leave(both);
    if (!looks) continue;
    const [seen, expected] = [seenOfGic(rig), seenOfModel(model)];
    if (JSON.stringify(seen) !== JSON.stringify(expected))
      return { step: `${index}: ${step.name}`, got: seen, wanted: expected };
  }
  return undefined;
}

const steps = fc.array(fc.tuple(operation, fc.constantFrom(...AFTERWARDS)), { minLength: 1, maxLength: 60 });
const named = (list: readonly Step[]) => list.map(([{ name }, afterwards]) => `${name} (${afterwards})`);

describe('the interrupt controller against a plain model', () => {
  for (const personality of ['kvm', 'qemu-virt'] as const) {
    test(`any sequence of operations, as ${personality}`, () => {
      fc.assert(
        fc.property(steps, (list) => {
          const found = difference(pair(personality), list);
          if (found !== undefined)
            throw new Error(`${named(list).join('\n')}\n${JSON.stringify(found, null, 1)}`);
        }),
        { numRuns: 800 },
      );
    }, 120_000);
  }

  test('the test finds a model that queues an interrupt that KVM leaves unqueued', () => {
    class Eager extends PlainGic {
      override settle(): void {
        for (const irq of this.all()) this.queue(irq);
        super.settle();
      }
    }
    const result = fc.check(
      fc.property(steps, (list) => difference(pair('kvm', Eager), list) === undefined),
      { numRuns: 5000 },
    );
    expect(result.failed).toBe(true);
    expect(named(result.counterexample?.[0] ?? []).join()).toMatch(/GICD_CTLR|route|LPIs of vCPU|level for/);
  }, 60_000);

  test('the test finds each broken rule of the machine', () => {
    const broken: readonly [string, (rig: Rig) => void][] = [
      ['a set-enable that clears', ({ gic }) => gic.distributor.write(gicd.ICENABLER + 4, 4, 0xffff_ffffn)],
      ['a lost latch', ({ gic }) => gic.lpis.clear(8192)],
      ['an interface that forgets', ({ gic }) => gic.cpuInterface(0).reset()],
    ];
    for (const [, breaks] of broken) {
      const result = fc.check(
        fc.property(steps, (list) => {
          const both = pair('kvm');
          const half = list.length >>> 1;
          if (difference(both, list.slice(0, half)) !== undefined) return true;
          breaks(both.rig);
          return difference(both, list.slice(half)) === undefined;
        }),
        { numRuns: 2000 },
      );
      expect(result.failed).toBe(true);
    }
  }, 60_000);
});
