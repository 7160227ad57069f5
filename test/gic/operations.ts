import fc from 'fast-check';
import { gicd, gicr } from '../../src/arch/registers.ts';
import type { Gic } from '../../src/gic/gic.ts';
import { sgiTo } from '../../src/gic/sgi.ts';
import type { PlainGic, PlainInterrupt } from './plain-model.ts';

export const VCPUS = 2;
export const SPIS = [32, 33, 34, 63, 64];
const PRIVATES = [0, 1, 16, 20];
export const LPIS = [8192, 8193, 8200];

/** One thing that can be done to both: the machine and the model. */
export type Operation = {
  readonly name: string;
  /** What it answers, where it does: an INTID, or several as text. */
  readonly onGic: (gic: Gic) => unknown;
  readonly onModel: (model: PlainGic) => unknown;
  /** Whether vCPUs may be in the guest meanwhile, so that none prunes its list: else each has left it before, and does so after. */
  readonly besideGuest?: true;
};

const vcpu = fc.integer({ min: 0, max: VCPUS - 1 });
const spi = fc.constantFrom(...SPIS);
const lpi = fc.constantFrom(...LPIS);
const priority = fc.constantFrom(0x00, 0x10, 0x60, 0x80, 0x88, 0xa0, 0xf0);
/** An SPI, or a private interrupt of a vCPU. */
const line = fc.oneof(
  fc.record({ vcpu: fc.constant(0), intid: spi }),
  fc.record({ vcpu, intid: fc.constantFrom(...PRIVATES) }),
);

/** The frame that an interrupt's registers are in, and where its word of a register at `base` is. */
function registers(gic: Gic, vcpu: number, intid: number) {
  const frame = intid < 32 ? gic.redistributor(vcpu) : gic.distributor;
  const shift = intid < 32 ? 0x1_0000 : 0;
  return {
    bits: (base: number, value: bigint) => frame.write(shift + base + 4 * (intid >>> 5), 4, value),
    byte: (base: number, value: bigint) => frame.write(shift + base + intid, 1, value),
    fields: (base: number, value: bigint) => frame.write(shift + base + 4 * (intid >>> 4), 4, value),
  };
}

function must(model: PlainGic, vcpu: number, intid: number): PlainInterrupt {
  const irq = model.find(vcpu, intid);
  if (!irq) throw new Error(`no interrupt ${intid}`);
  return irq;
}

/** The interrupts of the model in the same 32-bit word of a register. */
const neighbours = (model: PlainGic, vcpu: number, intid: number) =>
  model
    .all()
    .filter((irq) => irq.kind !== 'lpi' && irq.intid >>> 5 === intid >>> 5)
    .filter((irq) => intid >= 32 || model.privates[vcpu]?.includes(irq));

const setBit = (name: string, base: number, apply: (irq: PlainInterrupt) => void, queues: boolean) =>
  line.map(
    ({ vcpu, intid }): Operation => ({
      name: `${name} ${intid}${intid < 32 ? ` of vCPU ${vcpu}` : ''}`,
      onGic: (gic) => registers(gic, vcpu, intid).bits(base, 1n << BigInt(intid & 31)),
      onModel: (model) => {
        const irq = must(model, vcpu, intid);
        apply(irq);
        if (queues) model.queue(irq);
      },
    }),
  );

const registerWrites = [
  setBit(
    'enable',
    0x100,
    (irq) => {
      irq.enabled = true;
    },
    true,
  ),
  setBit(
    'disable',
    0x180,
    (irq) => {
      irq.enabled = false;
    },
    false,
  ),
  setBit(
    'pend',
    0x200,
    (irq) => {
      irq.latch = true;
    },
    true,
  ),
  setBit(
    'unpend',
    0x280,
    (irq) => {
      irq.latch = false;
    },
    false,
  ),
  setBit(
    'activate',
    0x300,
    (irq) => {
      irq.active = true;
    },
    true,
  ),
  setBit(
    'deactivate',
    0x380,
    (irq) => {
      irq.active = false;
    },
    false,
  ),
  fc.record({ line, group: fc.constantFrom<0 | 1>(0, 1) }).map(
    ({ line: { vcpu, intid }, group }): Operation => ({
      name: `all of the word of ${intid} in group ${group}`,
      onGic: (gic) => registers(gic, vcpu, intid).bits(0x80, group === 1 ? 0xffff_ffffn : 0n),
      onModel: (model) => {
        for (const irq of neighbours(model, vcpu, intid)) {
          irq.group = group;
          model.queue(irq);
        }
      },
    }),
  ),
  fc.record({ line, priority }).map(
    ({ line: { vcpu, intid }, priority }): Operation => ({
      name: `priority ${priority} for ${intid}`,
      onGic: (gic) => registers(gic, vcpu, intid).byte(0x400, BigInt(priority)),
      onModel: (model) => {
        must(model, vcpu, intid).priority = priority;
      },
    }),
  ),
  fc.record({ intid: spi, edge: fc.boolean() }).map(
    ({ intid, edge }): Operation => ({
      name: `${edge ? 'edge' : 'level'} for 16 from ${intid & ~15}`,
      onGic: (gic) => registers(gic, 0, intid).fields(0xc00, edge ? 0xaaaa_aaaan : 0n),
      onModel: (model) => {
        for (const irq of model.shared.values()) {
          if (irq.intid < 1020 && irq.intid >>> 4 === intid >>> 4) irq.edge = edge;
        }
      },
    }),
  ),
  fc.record({ intid: spi, target: fc.constantFrom(0, 1, 9) }).map(
    ({ intid, target }): Operation => ({
      name: `route ${intid} to ${target}`,
      onGic: (gic) => gic.distributor.write(gicd.IROUTER + 8 * intid, 8, BigInt(target)),
      onModel: (model) => {
        must(model, 0, intid).target = target < VCPUS ? target : null;
      },
    }),
  ),
  fc.constantFrom(0, 1, 2, 3).map(
    (enables): Operation => ({
      name: `GICD_CTLR ${enables}`,
      onGic: (gic) => gic.distributor.write(gicd.CTLR, 4, BigInt(enables)),
      onModel: (model) => {
        const one = (enables & 2) !== 0;
        model.forwards = model.kvm ? [one, one] : [(enables & 1) !== 0, one];
      },
    }),
  ),
];

const sources = [
  fc.record({ line, level: fc.boolean() }).map(
    ({ line: { vcpu, intid }, level }): Operation => ({
      name: `wire ${intid} ${level ? 'up' : 'down'}`,
      besideGuest: true,
      onGic: (gic) => void (intid >= 16 && gic.wires.drive(intid, level, vcpu)),
      onModel: (model) => void (intid >= 16 && model.drive(must(model, vcpu, intid), level)),
    }),
  ),
  fc
    .record({
      sender: vcpu,
      intid: fc.constantFrom(0, 1),
      target: fc.constantFrom<0 | 1 | 'others'>(0, 1, 'others'),
    })
    .map(
      ({ sender, intid, target }): Operation => ({
        name: `vCPU ${sender} sends SGI ${intid} to ${target}`,
        besideGuest: true,
        onGic: (gic) => {
          const value = sgiTo(intid, target === 'others' ? target : [target]);
          gic.systemRegisters[sender]?.writeSystemRegister('ICC_SGI1R_EL1', value);
        },
        onModel: (model) => {
          const irq = must(model, target === 'others' ? 1 - sender : target, intid);
          if (!model.kvm && irq.group === 0) return;
          irq.latch = true;
          model.queue(irq);
        },
      }),
    ),
  lpi.map(
    (intid): Operation => ({
      name: `MSI ${intid}`,
      besideGuest: true,
      onGic: (gic) => gic.lpis.latch(intid),
      onModel: (model) => {
        const irq = must(model, 0, intid);
        irq.latch = true;
        model.queue(irq);
      },
    }),
  ),
  lpi.map(
    (intid): Operation => ({
      name: `CLEAR ${intid}`,
      besideGuest: true,
      onGic: (gic) => gic.lpis.clear(intid),
      onModel: (model) => {
        must(model, 0, intid).latch = false;
      },
    }),
  ),
  fc.record({ intid: lpi, enabled: fc.boolean(), priority }).map(
    ({ intid, enabled, priority }): Operation => ({
      name: `configure ${intid} ${enabled ? 'on' : 'off'} at ${priority}`,
      besideGuest: true,
      onGic: (gic) => gic.lpis.configure(intid, priority | (enabled ? 1 : 0)),
      onModel: (model) => {
        const irq = must(model, 0, intid);
        irq.enabled = enabled;
        irq.priority = priority;
        model.queue(irq);
      },
    }),
  ),
  fc.record({ intid: lpi, target: vcpu }).map(
    ({ intid, target }): Operation => ({
      name: `move ${intid} to ${target}`,
      onGic: (gic) => gic.lpis.retarget(intid, target),
      onModel: (model) => {
        const irq = must(model, 0, intid);
        irq.target = target;
        model.queue(irq);
      },
    }),
  ),
  fc.record({ vcpu, on: fc.boolean() }).map(
    ({ vcpu, on }): Operation => ({
      name: `LPIs of vCPU ${vcpu} ${on ? 'on' : 'off'}`,
      onGic: (gic) => gic.redistributor(vcpu).write(gicr.CTLR, 4, on ? 1n : 0n),
      onModel: (model) => model.setLpis(vcpu, on),
    }),
  ),
];

const groups = fc.constantFrom<0 | 1>(0, 1);
const interfaces = [
  // An LPI that a vCPU takes twice in a row stays on its list without a slot, see VcpuList.
  fc.record({ vcpu, intid: lpi }).map(
    ({ vcpu, intid }): Operation => ({
      name: `MSI ${intid}, of which vCPU ${vcpu} takes and ends what there is, twice`,
      onGic: (gic) => {
        const cpu = gic.cpuInterface(vcpu);
        const take = () => {
          gic.lpis.latch(intid);
          const taken = cpu.acknowledge();
          cpu.endOfInterrupt(taken);
          return taken;
        };
        return `${take()} ${take()}`;
      },
      onModel: (model) => {
        const take = () => {
          const irq = must(model, 0, intid);
          irq.latch = true;
          model.queue(irq);
          const taken = model.acknowledge(vcpu, 1);
          model.endOfInterrupt(vcpu, taken, 1);
          model.settle();
          return taken;
        };
        return `${take()} ${take()}`;
      },
    }),
  ),
  fc.record({ vcpu, group: groups }).map(
    ({ vcpu, group }): Operation => ({
      name: `vCPU ${vcpu} acknowledges group ${group}`,
      onGic: (gic) => {
        const cpu = gic.cpuInterface(vcpu);
        return group === 1 ? cpu.acknowledge() : cpu.acknowledgeGroup0();
      },
      onModel: (model) => model.acknowledge(vcpu, group),
    }),
  ),
  fc.record({ vcpu, group: groups, intid: fc.constantFrom(...SPIS, ...PRIVATES, ...LPIS, 1023) }).map(
    ({ vcpu, group, intid }): Operation => ({
      name: `vCPU ${vcpu} ends ${intid} in group ${group}`,
      onGic: (gic) => {
        const cpu = gic.cpuInterface(vcpu);
        if (group === 1) cpu.endOfInterrupt(intid);
        else cpu.endOfInterruptGroup0(intid);
      },
      onModel: (model) => model.endOfInterrupt(vcpu, intid, group),
    }),
  ),
  fc.record({ vcpu, intid: fc.constantFrom(...SPIS, ...PRIVATES, ...LPIS) }).map(
    ({ vcpu, intid }): Operation => ({
      name: `vCPU ${vcpu} writes DIR ${intid}`,
      onGic: (gic) => gic.cpuInterface(vcpu).deactivate(intid),
      onModel: (model) => model.deactivate(vcpu, intid),
    }),
  ),
  fc.record({ vcpu, pmr: fc.constantFrom(0, 0x60, 0x88, 0xf0, 0xff) }).map(
    ({ vcpu, pmr }): Operation => ({
      name: `vCPU ${vcpu} masks at ${pmr}`,
      onGic: (gic) => {
        gic.cpuInterface(vcpu).priorityMask = pmr;
      },
      onModel: ({ cpus }) => {
        const cpu = cpus[vcpu];
        if (cpu) cpu.pmr = pmr & 0xf8;
      },
    }),
  ),
  fc.record({ vcpu, control: fc.integer({ min: 0, max: 3 }) }).map(
    ({ vcpu, control }): Operation => ({
      name: `vCPU ${vcpu} writes ICC_CTLR ${control}`,
      onGic: (gic) => {
        gic.cpuInterface(vcpu).control = control;
      },
      onModel: ({ cpus }) => {
        const cpu = cpus[vcpu];
        if (cpu) Object.assign(cpu, { cbpr: (control & 1) !== 0, eoiMode1: (control & 2) !== 0 });
      },
    }),
  ),
  fc.record({ vcpu, bpr: fc.integer({ min: 0, max: 7 }), group: groups }).map(
    ({ vcpu, bpr, group }): Operation => ({
      name: `vCPU ${vcpu} writes BPR${group} ${bpr}`,
      onGic: (gic) => {
        const cpu = gic.cpuInterface(vcpu);
        if (group === 0) cpu.binaryPoint0 = bpr;
        else cpu.binaryPoint1 = bpr;
      },
      onModel: ({ cpus }) => {
        const cpu = cpus[vcpu];
        if (cpu && group === 0) cpu.bpr0 = Math.max(bpr, 2);
        else if (cpu && !cpu.cbpr) cpu.bpr1 = Math.max(bpr, 3);
      },
    }),
  ),
  fc.record({ vcpu, group: groups, on: fc.boolean() }).map(
    ({ vcpu, group, on }): Operation => ({
      name: `vCPU ${vcpu} turns group ${group} ${on ? 'on' : 'off'}`,
      onGic: (gic) => {
        const cpu = gic.cpuInterface(vcpu);
        if (group === 0) cpu.groupEnable0 = on;
        else cpu.groupEnable1 = on;
      },
      onModel: ({ cpus }) => {
        const cpu = cpus[vcpu];
        if (cpu) cpu.igrpen[group] = on;
      },
    }),
  ),
];

/** Any operation; what makes and takes interrupts more often than what sets things up. */
export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { arbitrary: fc.oneof(...registerWrites), weight: 3 },
  { arbitrary: fc.oneof(...sources), weight: 3 },
  { arbitrary: fc.oneof(...interfaces), weight: 3 },
);
