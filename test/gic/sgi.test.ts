import { describe, expect, test } from 'vitest';
import { gicr } from '../../src/arch/registers.ts';
import { affinityOf, vcpuWith } from '../../src/gic/affinity.ts';
import { sgiTo } from '../../src/gic/sgi.ts';
import { drain, makeRig, type Rig, turnOn } from './rig.ts';

const VCPUS = 20;

function ready(personality: 'kvm' | 'qemu-virt' = 'kvm'): Rig {
  const rig = makeRig({ personality, vcpus: VCPUS });
  turnOn(rig);
  for (const r of rig.gic.redistributors) {
    r.write(0x1_0080, 4, 0xffff_ffffn);
    r.write(0x1_0100, 4, 0xffffn);
  }
  return rig;
}

const send = ({ gic }: Rig, sender: number, value: bigint, register = 'ICC_SGI1R_EL1') =>
  gic.systemRegisters[sender]?.writeSystemRegister(register, value);

/** The vCPUs that have SGI `intid` pending. */
const pendingAt = ({ gic }: Rig, intid: number) =>
  gic.redistributors.flatMap((r, vcpu) => ((r.read(0x1_0200, 4) >> BigInt(intid)) & 1n ? [vcpu] : []));

describe('ICC_SGI1R_EL1', () => {
  test('an SGI reaches the vCPUs of its target list, including the sender', () => {
    const rig = ready();
    send(rig, 1, (5n << 24n) | 0b1011n);
    expect(pendingAt(rig, 5)).toEqual([0, 1, 3]);
    expect(drain(rig, 3)).toEqual([5]);
  });

  test('Aff1 selects the cluster of an SGI', () => {
    const rig = ready();
    send(rig, 0, (1n << 24n) | (1n << 16n) | 0b1001n);
    expect(pendingAt(rig, 1)).toEqual([16, 19]);
    send(rig, 0, sgiTo(2, [17, 18]));
    expect(pendingAt(rig, 2)).toEqual([17, 18]);
  });

  test('an SGI with IRM reaches all vCPUs except the sender', () => {
    const rig = ready();
    send(rig, 7, sgiTo(3, 'others'));
    expect(pendingAt(rig, 3)).toEqual([...Array(VCPUS).keys()].filter((vcpu) => vcpu !== 7));
  });

  test('an SGI to nonexistent targets (another cluster, Aff2, Aff3) has no effect', () => {
    const rig = ready();
    send(rig, 0, (4n << 24n) | (1n << 16n) | 0x8000n);
    send(rig, 0, (4n << 24n) | (1n << 32n) | 1n);
    send(rig, 0, (4n << 24n) | (1n << 48n) | 1n);
    expect(pendingAt(rig, 4)).toEqual([]);
    send(rig, 0, (4n << 24n) | 1n);
    expect(pendingAt(rig, 4)).toEqual([0]);
  });

  test('ICC_SGI1R_EL1 ignores RS, because ICC_CTLR_EL1.RSS is 0', () => {
    const rig = ready();
    send(rig, 0, (5n << 24n) | (2n << 44n) | 2n);
    expect(pendingAt(rig, 5)).toEqual([1]);
  });

  test('two SGIs before the acknowledge merge; an SGI sent while active is delivered after the EOI', () => {
    const rig = ready();
    send(rig, 0, sgiTo(1, [1]));
    send(rig, 2, sgiTo(1, [1]));
    const cpu = rig.gic.cpuInterface(1);
    expect(cpu.acknowledge()).toBe(1);
    send(rig, 0, sgiTo(1, [1]));
    expect(cpu.acknowledge()).toBe(1023);
    cpu.endOfInterrupt(1);
    expect(drain(rig, 1)).toEqual([1]);
  });
});

describe('groups of SGIs', () => {
  const cases = [
    // register, group at the target, raised in KVM, raised in QEMU
    ['ICC_SGI1R_EL1', 1, true, true],
    ['ICC_SGI1R_EL1', 0, true, false],
    ['ICC_ASGI1R_EL1', 1, false, false],
    ['ICC_ASGI1R_EL1', 0, true, true],
    ['ICC_SGI0R_EL1', 1, false, false],
    ['ICC_SGI0R_EL1', 0, true, true],
  ] as const;
  for (const [register, group, kvm, qemu] of cases) {
    test(`${register} to an SGI in group ${group}`, () => {
      for (const [personality, raised] of [
        ['kvm', kvm],
        ['qemu-virt', qemu],
      ] as const) {
        const rig = ready(personality);
        rig.gic.redistributor(1).write(gicr.IGROUPR0, 4, group === 1 ? 0xffff_ffffn : 0n);
        send(rig, 0, sgiTo(6, [1]), register);
        expect(pendingAt(rig, 6)).toEqual(raised ? [1] : []);
      }
    });
  }

  test('a group 0 SGI stays pending until IGRPEN0 is set', () => {
    const rig = ready();
    rig.gic.redistributor(1).write(gicr.IGROUPR0, 4, 0n);
    const cpu = rig.gic.cpuInterface(1);
    cpu.groupEnable0 = false;
    send(rig, 0, sgiTo(6, [1]));
    expect([cpu.signalled, cpu.acknowledgeGroup0()]).toEqual([false, 1023]);
    cpu.groupEnable0 = true;
    expect([cpu.fiq, cpu.irq, cpu.acknowledgeGroup0()]).toEqual([true, false, 6]);
  });
});

describe('affinities', () => {
  test('each vCPU has a distinct affinity', () => {
    for (let vcpu = 0; vcpu < 512; vcpu++) expect(vcpuWith(affinityOf(vcpu), 512)).toBe(vcpu);
    expect(affinityOf(511)).toBe(0x1f0f);
    expect(vcpuWith(affinityOf(511), 511)).toBe(-1);
    expect(vcpuWith(0x10, 512)).toBe(-1);
    expect(vcpuWith(0x0100_0000, 512)).toBe(-1);
  });
});
