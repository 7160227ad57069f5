import { describe, expect, test } from 'vitest';
import { gicd, gicr } from '../../src/arch/registers.ts';
import { encode, findSystemRegister, SYSTEM_REGISTERS } from '../../src/gic/system-registers.ts';
import { makeRig, type Rig, turnOn } from './rig.ts';

const F = 0xffff_ffffn;
/** Name, encoding as MRS has it, after reset in KVM, after all ones were written; undefined where it cannot be read. */
const EXPECTED: readonly (readonly [
  string,
  readonly [number, number, number, number, number],
  bigint?,
  bigint?,
])[] = [
  ['ICC_PMR_EL1', [3, 0, 4, 6, 0], 0n, 0xf8n],
  ['ICC_IAR0_EL1', [3, 0, 12, 8, 0], 1023n, 1023n],
  ['ICC_EOIR0_EL1', [3, 0, 12, 8, 1]],
  ['ICC_HPPIR0_EL1', [3, 0, 12, 8, 2], 1023n, 1023n],
  ['ICC_BPR0_EL1', [3, 0, 12, 8, 3], 2n, 7n],
  ['ICC_AP0R0_EL1', [3, 0, 12, 8, 4], 0n, F],
  ['ICC_AP1R0_EL1', [3, 0, 12, 9, 0], 0n, F],
  ['ICC_DIR_EL1', [3, 0, 12, 11, 1]],
  ['ICC_RPR_EL1', [3, 0, 12, 11, 3], 0xffn, 0xffn],
  ['ICC_SGI1R_EL1', [3, 0, 12, 11, 5]],
  ['ICC_ASGI1R_EL1', [3, 0, 12, 11, 6]],
  ['ICC_SGI0R_EL1', [3, 0, 12, 11, 7]],
  ['ICC_IAR1_EL1', [3, 0, 12, 12, 0], 1023n, 1023n],
  ['ICC_EOIR1_EL1', [3, 0, 12, 12, 1]],
  ['ICC_HPPIR1_EL1', [3, 0, 12, 12, 2], 1023n, 1023n],
  ['ICC_BPR1_EL1', [3, 0, 12, 12, 3], 3n, 7n],
  ['ICC_CTLR_EL1', [3, 0, 12, 12, 4], 0x8c00n, 0x8c03n],
  ['ICC_SRE_EL1', [3, 0, 12, 12, 5], 7n, 7n],
  ['ICC_IGRPEN0_EL1', [3, 0, 12, 12, 6], 0n, 1n],
  ['ICC_IGRPEN1_EL1', [3, 0, 12, 12, 7], 0n, 1n],
];

function registersOf({ gic }: Rig, vcpu = 0) {
  const found = gic.systemRegisters[vcpu];
  if (!found) throw new Error('no such vCPU');
  return found;
}

describe('the system registers', () => {
  test('every system register of the CPU interface is found by name and by encoding', () => {
    expect(SYSTEM_REGISTERS.map(({ name }) => name)).toEqual(EXPECTED.map(([name]) => name));
    for (const [name, encoding] of EXPECTED) {
      expect(findSystemRegister(encode(...encoding))?.name).toBe(name);
      expect(findSystemRegister(name)?.encoding).toBe(encode(...encoding));
    }
    expect(new Set(SYSTEM_REGISTERS.map(({ encoding }) => encoding)).size).toBe(EXPECTED.length);
    expect(findSystemRegister(encode(3, 0, 12, 8, 5))).toBeUndefined();
    // KVM's attribute for ICC_PMR_EL1, worked out by hand.
    expect(encode(3, 0, 4, 6, 0)).toBe(0xc230);
  });

  for (const [name, , reset, ones] of EXPECTED) {
    test(`${name} reads and keeps what it should`, () => {
      const registers = registersOf(makeRig());
      expect(registers.readSystemRegister(name)).toBe(reset);
      const written = registers.writeSystemRegister(name, 0xffff_ffff_ffff_ffffn);
      expect(registers.readSystemRegister(name)).toBe(ones);
      const readOnly = ['ICC_IAR0_EL1', 'ICC_HPPIR0_EL1', 'ICC_RPR_EL1', 'ICC_IAR1_EL1', 'ICC_HPPIR1_EL1'];
      expect(written).toBe(!readOnly.includes(name));
    });
  }

  test('a nonexistent system register is neither read nor written', () => {
    const registers = registersOf(makeRig());
    expect(registers.readSystemRegister('ICC_NMIAR1_EL1')).toBeUndefined();
    expect(registers.writeSystemRegister(encode(3, 0, 12, 9, 1), 1n)).toBe(false);
  });

  test('the saved system registers restore a CPU interface', () => {
    const rig = makeRig();
    turnOn(rig);
    rig.gic.distributor.write(gicd.ISENABLER + 4, 4, 1n);
    const [from, to] = [registersOf(rig, 0), registersOf(makeRig(), 0)];
    from.writeSystemRegister('ICC_BPR1_EL1', 4n);
    from.writeSystemRegister('ICC_CTLR_EL1', 2n);
    rig.gic.distributor.write(gicd.ISPENDR + 4, 4, 1n);
    expect(from.readSystemRegister('ICC_IAR1_EL1')).toBe(32n);
    const saved = SYSTEM_REGISTERS.filter(({ saved }) => saved).map(({ name }) => name);
    expect(saved).toHaveLength(9);
    for (const name of saved) to.writeSystemRegister(name, from.readSystemRegister(name) ?? 0n);
    for (const name of saved) expect(to.readSystemRegister(name)).toBe(from.readSystemRegister(name));
    expect(to.readSystemRegister('ICC_RPR_EL1')).toBe(0n);
  });

  test('a guest handles an interrupt through system registers alone', () => {
    for (const personality of ['kvm', 'qemu-virt'] as const) {
      const rig = makeRig({ personality });
      const registers = registersOf(rig, 1);
      rig.gic.distributor.write(gicd.CTLR, 4, 2n);
      rig.gic.redistributor(1).write(gicr.IGROUPR0, 4, F);
      rig.gic.redistributor(1).write(gicr.ISENABLER0, 4, F);
      rig.gic.redistributor(1).write(gicr.IPRIORITYR, 4, 0x5050_5050n);
      registers.writeSystemRegister('ICC_PMR_EL1', 0xf0n);
      registers.writeSystemRegister('ICC_IGRPEN1_EL1', 1n);
      registers.writeSystemRegister('ICC_SGI1R_EL1', (2n << 24n) | 2n);
      expect(registers.readSystemRegister('ICC_HPPIR1_EL1')).toBe(2n);
      expect(registers.readSystemRegister('ICC_IAR1_EL1')).toBe(2n);
      expect(registers.readSystemRegister('ICC_RPR_EL1')).toBe(0x50n);
      expect(registers.readSystemRegister('ICC_AP1R0_EL1')).toBe(1n << 10n);
      registers.writeSystemRegister('ICC_EOIR1_EL1', 2n);
      expect(registers.readSystemRegister('ICC_RPR_EL1')).toBe(0xffn);
      expect(rig.gic.cpuInterface(1).registers()).toMatchObject({ ICC_PMR_EL1: 0xf0, ICC_RPR_EL1: 0xff });
    }
  });
});
