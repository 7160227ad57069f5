import { describe, expect, test } from 'vitest';
import { ELR_EL1, ESR_EL1, FAR_EL1, SPSR_EL1, VBAR_EL1 } from '../../src/cpu/core/block.ts';
import { at, Bare, ERET, NOP, SELF } from './bare.ts';

const MSR_MDSCR_X0 = 0xd510_0240;
const MRS_X1_MDSCR = 0xd530_0241;
/** DBGBVR1, DBGBCR1, DBGWVR0, DBGWCR0, all from their register number. */
const MSR_DBGBVR1_X1 = 0xd510_0181;
const MSR_DBGBCR1_X2 = 0xd510_01a2;
const MSR_DBGWVR0_X1 = 0xd510_00c1;
const MSR_DBGWCR0_X2 = 0xd510_00e2;
const MRS_X3_DBGBCR5 = 0xd530_05a3;
const MSR_OSLAR_X4 = 0xd510_1084;
const STRB_W5_X6 = 0x3900_00c5;
const LDRB_W5_X6 = 0x3940_00c5;

const VECTORS = 0x1000;
const SS = 1n;
const KDE = 1n << 13n;
const MDE = 1n << 15n;
const PSTATE_D = 1 << 9;
const PSTATE_SS = 1 << 21;
const EL1H = 5;
const ec = (esr: bigint) => Number(esr >> 26n);

/** A core at EL1 with debug exceptions unmasked, with its vectors (branches to themselves) at 0x1000. */
function debugged(words: readonly number[], registers: Readonly<Record<number, bigint>>) {
  const bare = new Bare()
    .write(0, words)
    .write(VECTORS, [SELF])
    .write(VECTORS + 0x200, [SELF]);
  const { core } = bare;
  bare.write(VECTORS + 0x400, [SELF]);
  core.setState(VBAR_EL1, at(VECTORS));
  core.pstate = EL1H;
  for (const [register, value] of Object.entries(registers)) core.setX(Number(register), value);
  return { bare, core };
}

const BREAK_HERE = at(0x14);
/** Enabled, at EL1, of a whole instruction. */
const AT_EL1 = 0x1e3n;
const BREAKPOINT = [MSR_DBGBVR1_X1, MSR_DBGBCR1_X2, MSR_MDSCR_X0, NOP, NOP, NOP, SELF];

describe('a breakpoint', () => {
  test('a breakpoint exception is taken before the instruction, with class and address', () => {
    const { core } = debugged(BREAKPOINT, { 0: MDE | KDE, 1: BREAK_HERE, 2: AT_EL1 });
    core.run(20);
    expect(ec(core.state(ESR_EL1))).toBe(0x31);
    expect(Number(core.state(ESR_EL1)) & 0x3f).toBe(0x22);
    expect(core.state(ELR_EL1)).toBe(BREAK_HERE);
    expect(core.exceptions).toBe(1n);
  });

  test.each<[string, Record<number, bigint>, number]>([
    ['without MDSCR_EL1.MDE', { 0: KDE, 2: AT_EL1 }, EL1H],
    ['without MDSCR_EL1.KDE, at EL1', { 0: MDE, 2: AT_EL1 }, EL1H],
    ['while PSTATE.D masks it', { 0: MDE | KDE, 2: AT_EL1 }, EL1H | PSTATE_D],
    ['of EL0 alone', { 0: MDE | KDE, 2: 0x1e5n }, EL1H],
    ['that is off', { 0: MDE | KDE, 2: 0x1e2n }, EL1H],
    ['that is linked to a context', { 0: MDE | KDE, 2: AT_EL1 | (3n << 20n) }, EL1H],
  ])('%s is not taken', (_, registers, pstate) => {
    const { core } = debugged(BREAKPOINT, { 1: BREAK_HERE, ...registers });
    core.pstate = pstate;
    core.run(20);
    expect(core.exceptions).toBe(0n);
    expect(core.pc).toBe(at(0x18));
  });

  test('a breakpoint exception is not taken while the OS lock is locked', () => {
    const words = [MSR_OSLAR_X4, ...BREAKPOINT];
    const { core } = debugged(words, { 0: MDE | KDE, 1: BREAK_HERE, 2: AT_EL1, 4: 1n });
    core.run(20);
    expect(core.exceptions).toBe(0n);
  });

  test('a breakpoint register past the last reads as zero, and MDSCR_EL1 reads the written value', () => {
    const { core } = debugged([MSR_MDSCR_X0, MRS_X1_MDSCR, MRS_X3_DBGBCR5, SELF], { 0: KDE, 3: 7n });
    core.run(3);
    expect([core.x(1), core.x(3)]).toEqual([KDE, 0n]);
  });
});

const BYTE = at(0x2003);
/** Enabled at EL1, stores only, bytes 2 and 3 of the doubleword. */
const STORES = (1n << 4n) | (0x0cn << 5n) | 3n;

describe('a watchpoint', () => {
  const access = (instruction: number, address: bigint, control = STORES) => {
    const words = [MSR_DBGWVR0_X1, MSR_DBGWCR0_X2, instruction, MSR_MDSCR_X0, instruction, SELF];
    const registers = { 0: MDE | KDE, 1: at(0x2000), 2: control, 5: 0x77n, 6: address };
    return debugged(words, registers);
  };

  test('a watchpoint exception is taken before the store, also in a page written before, with the address of the access', () => {
    const { core, bare } = access(STRB_W5_X6, BYTE);
    core.run(3);
    expect(bare.ram.getUint8(0x2003)).toBe(0x77);
    bare.ram.setUint8(0x2003, 0);
    core.run(10);
    expect(ec(core.state(ESR_EL1))).toBe(0x35);
    expect(Number(core.state(ESR_EL1)) & 0x7f).toBe(0x62);
    expect(core.state(FAR_EL1)).toBe(BYTE);
    expect(core.state(ELR_EL1)).toBe(at(0x10));
    expect(bare.ram.getUint8(0x2003)).toBe(0);
  });

  test.each<[string, number, bigint, bigint]>([
    ['of stores lets a load pass', LDRB_W5_X6, BYTE, STORES],
    ['lets a store beside its bytes pass', STRB_W5_X6, BYTE + 1n, STORES],
    ['of no byte lets all pass', STRB_W5_X6, BYTE, (1n << 4n) | 3n],
  ])('%s', (_, instruction, address, control) => {
    const { core } = access(instruction, address, control);
    core.run(10);
    expect(core.exceptions).toBe(0n);
  });

  test('a watchpoint with a mask hits within its range', () => {
    const masked = (1n << 4n) | (8n << 24n) | (0xffn << 5n) | 3n;
    const within = access(STRB_W5_X6, at(0x20ff), masked).core;
    within.run(10);
    expect(within.exceptions).toBe(1n);
    const behind = access(STRB_W5_X6, at(0x2100), masked).core;
    behind.run(10);
    expect(behind.exceptions).toBe(0n);
  });
});

describe('software step', () => {
  test('software step runs one instruction after an ERET with SPSR.SS, and then takes its exception', () => {
    // The debugger, with debug exceptions masked, returns to 0x100, where the first of three is stepped.
    const { core, bare } = debugged([MSR_MDSCR_X0, ERET], { 0: SS | KDE });
    bare.write(0x100, [NOP, NOP, NOP, SELF]);
    core.pstate = EL1H | PSTATE_D;
    core.setState(ELR_EL1, at(0x100));
    core.setState(SPSR_EL1, BigInt(EL1H | PSTATE_SS));
    core.run(20);
    expect(ec(core.state(ESR_EL1))).toBe(0x33);
    expect(core.state(ELR_EL1)).toBe(at(0x104));
    expect(Number(core.state(SPSR_EL1)) & PSTATE_SS).toBe(0);
    expect(core.exceptions).toBe(1n);
  });

  test('software step of EL0 needs neither KDE nor PSTATE.D clear', () => {
    const { core, bare } = debugged([MSR_MDSCR_X0, ERET], { 0: SS });
    bare.write(0x100, [NOP, NOP, SELF]);
    core.pstate = EL1H | PSTATE_D;
    core.setState(ELR_EL1, at(0x100));
    core.setState(SPSR_EL1, BigInt(PSTATE_SS | 0x3c0));
    core.run(20);
    expect(ec(core.state(ESR_EL1))).toBe(0x32);
    expect(core.state(ELR_EL1)).toBe(at(0x104));
  });

  test('software step takes its exception at once without an ERET with SPSR.SS', () => {
    const { core } = debugged([MSR_MDSCR_X0, NOP, SELF], { 0: SS | KDE });
    core.run(20);
    expect(core.state(ELR_EL1)).toBe(at(4));
    expect(core.instructions).toBe(20n);
  });
});
