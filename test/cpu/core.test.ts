import { describe, expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { ELR_EL1, ESR_EL1, FAR_EL1, SPSR_EL1, VBAR_EL1 } from '../../src/cpu/core/block.ts';
import { at, Bare, ERET, NOP, RAM_BYTES, SELF, WFI } from './bare.ts';

const LDR_X0_X1 = 0xf940_0020;
const STRB_W0_X1 = 0x3900_0020;
const STR_W1_X2 = 0xb900_0041;
const MRS_X0_CNTVCT = 0xd53b_e040;
const LDR_X0_SP = 0xf940_03e0;
const SVC_3 = 0xd400_0061;
const HVC_7 = 0xd400_00e2;
const BRK_5 = 0xd420_00a0;
const HLT_SEMIHOSTING = 0xd45e_0000;
const DAIFCLR_I = 0xd503_42ff;
const MOV_X0_13 = 0xd280_01a0;
const YIELD = 0xd503_203f;
const WFE = 0xd503_205f;

const ec = (esr: bigint) => Number(esr >> 26n);

describe('a run', () => {
  test('has exactly the requested number of instructions, in any pieces', () => {
    const { core } = new Bare().write(0, [NOP, NOP, NOP, 0x17ff_fffd]);
    for (const count of [1, 2, 300, 1, 255, 256, 257, 70_000]) {
      const before = core.instructions;
      expect(core.run(count)).toBe('limit');
      expect(core.instructions - before).toBe(BigInt(count));
    }
    const total = 1 + 2 + 300 + 1 + 255 + 256 + 257 + 70_000;
    expect(core.pc).toBe(at((total % 4) * 4));
  });

  test('passes the allowed number of WFE and YIELD, and ends after the next', () => {
    const { core } = new Bare().write(0, [YIELD, WFE, NOP, YIELD, NOP]);
    core.spins = 2;
    expect(core.run(10)).toBe('yield');
    expect(core.instructions).toBe(4n);
    core.spins = 1;
    expect(core.run(1)).toBe('limit');
  });

  test('ends after WFI, WFE and YIELD, and at a BRK with the option breaks', () => {
    const { core } = new Bare().write(0, [WFI, WFE, YIELD, BRK_5]);
    expect([core.run(9), core.pc]).toEqual(['wfi', at(4)]);
    expect([core.run(9), core.pc]).toEqual(['wfe', at(8)]);
    expect([core.run(9), core.pc]).toEqual(['yield', at(12)]);
    core.options = { breaks: true };
    expect([core.run(9), core.pc]).toEqual(['break', at(12)]);
  });

  test('ends after a semihosting call, which is UNDEFINED without the option', () => {
    const { core } = new Bare().write(0, [HLT_SEMIHOSTING]);
    core.run(1);
    expect(ec(core.state(ESR_EL1))).toBe(0);
    core.pc = at(0);
    core.options = { semihosting: true };
    expect([core.run(1), core.pc]).toEqual(['semihosting', at(4)]);
  });

  test('ends when an import stops it, after the calling instruction', () => {
    const bare: Bare = new Bare(1, {
      hypercall: (immediate) => {
        bare.core.setX(0, BigInt(immediate));
        bare.core.stop();
      },
    }).write(0, [HVC_7, NOP]);
    expect([bare.core.run(10), bare.core.pc, bare.core.x(0)]).toEqual(['stop', at(4), 7n]);
    expect(bare.core.run(1)).toBe('limit');
  });
});

describe('interrupts', () => {
  test('the core takes an unmasked interrupt before the next instruction', () => {
    const { core } = new Bare().write(0, [NOP, DAIFCLR_I, NOP, NOP]).write(0x1280, [SELF]);
    core.setState(VBAR_EL1, at(0x1000));
    core.setIrq(true);
    core.run(2);
    expect(core.pc).toBe(at(8));
    core.run(1);
    expect([core.interrupts, core.state(ELR_EL1)]).toEqual([1n, at(8)]);
    expect(core.state(SPSR_EL1) & 0x3c0n).toBe(0x340n);
    expect(core.pstate & 0x3cf).toBe(0x3c5);
    expect(core.pc).toBe(at(0x1280));
  });

  test('a masked interrupt ends no WFI loop, but completes each WFI at once', () => {
    const { core } = new Bare().write(0, [WFI, 0x17ff_ffff]);
    core.setIrq(true);
    expect(core.run(100)).toBe('limit');
    expect(core.interrupts).toBe(0n);
    core.setIrq(false);
    expect(core.run(100)).toBe('wfi');
  });

  test('an interrupt follows a system register access that asserts the line', () => {
    const bare: Bare = new Bare(1, {
      systemRegisters: {
        read: () => {
          bare.core.setIrq(true);
          return 5n;
        },
        write: () => false,
      },
    }).write(0, [MRS_X0_CNTVCT, NOP, NOP]);
    bare.core.pstate = 0x305;
    bare.core.setState(VBAR_EL1, at(0x1000));
    bare.write(0x1280, [SELF]);
    bare.core.run(3);
    expect([bare.core.x(0), bare.core.state(ELR_EL1), bare.core.pc]).toEqual([5n, at(4), at(0x1280)]);
  });
});

describe('exceptions', () => {
  test('an SVC returns to the next instruction, and ERET restores level, stack and flags', () => {
    const bare = new Bare().write(0, [SVC_3]).write(0x1400, [MOV_X0_13, ERET]);
    const { core } = bare;
    core.setState(VBAR_EL1, at(0x1000));
    core.setX(31, 0x1234_0000n);
    core.pstate = 0xa000_0000;
    core.setX(31, 0x5678_0000n);
    core.run(1);
    expect([core.pc, core.el, core.stackPointer(0)]).toEqual([at(0x1400), 1, 0x5678_0000n]);
    expect(core.state(ESR_EL1)).toBe(0x5600_0003n);
    core.run(2);
    expect([core.pc, core.el, core.pstate, core.x(0), core.x(31)]).toEqual([
      at(4),
      0,
      0xa000_0000,
      13n,
      0x5678_0000n,
    ]);
  });

  test('an illegal ERET keeps the level, and the next instruction is an illegal state', () => {
    const { core } = new Bare().write(0, [ERET]);
    core.setState(VBAR_EL1, at(0x1000));
    core.setState(ELR_EL1, at(0x100));
    core.setState(SPSR_EL1, 0x3c9n);
    core.run(2);
    expect([ec(core.state(ESR_EL1)), core.state(ELR_EL1), core.el]).toEqual([0x0e, at(0x100), 1]);
    expect(core.state(SPSR_EL1) & (1n << 20n)).toBe(1n << 20n);
  });

  test('a load based on a misaligned SP is a stack alignment fault where SCTLR_EL1.SA is set', () => {
    const { core } = new Bare().write(0, [LDR_X0_SP]);
    core.setX(31, at(0x808));
    core.run(1);
    expect(core.exceptions).toBe(0n);
    core.pc = at(0);
    core.setState(0x180, 0x30d0_0808n);
    core.run(1);
    expect([core.exceptions, ec(core.state(ESR_EL1))]).toEqual([1n, 0x26]);
  });

  test('a misaligned pc is a PC alignment fault with the address in FAR', () => {
    const { core } = new Bare();
    core.pc = at(2);
    core.run(1);
    expect([ec(core.state(ESR_EL1)), core.state(FAR_EL1)]).toEqual([0x22, at(2)]);
  });

  test('a register that the board refuses is UNDEFINED', () => {
    const { core } = new Bare().write(0, [MRS_X0_CNTVCT]);
    core.run(1);
    expect([core.exceptions, core.state(ESR_EL1)]).toEqual([1n, 0x0200_0000n]);
  });
});

describe('memory', () => {
  test('the core executes an overwritten instruction in its new form without cache maintenance', () => {
    const bare = new Bare().write(0, [STR_W1_X2, NOP, 0x17ff_fffe]);
    const { core } = bare;
    core.setX(1, BigInt(NOP));
    core.setX(2, at(4));
    core.run(30);
    core.setX(1, BigInt(WFI));
    expect(core.run(30)).toBe('wfi');
    bare.write(4, [BRK_5]);
    core.pc = at(4);
    core.run(1);
    expect(ec(core.state(ESR_EL1))).toBe(0x3c);
  });

  test('the bus gets whole accesses outside RAM, and an access that it refuses is an external abort', () => {
    const seen: unknown[] = [];
    const { core } = new Bare(1, {
      bus: {
        read: (address, bytes) => {
          seen.push(['read', address, bytes]);
          return address === 0x900_0000 ? 0x1122_3344_5566_7788n : undefined;
        },
        write: (address, bytes, value) => {
          seen.push(['write', address, bytes, value]);
          return false;
        },
      },
    }).write(0, [LDR_X0_X1, STRB_W0_X1]);
    core.setX(1, 0x900_0000n);
    core.run(1);
    expect(core.x(0)).toBe(0x1122_3344_5566_7788n);
    core.run(1);
    expect(seen).toEqual([
      ['read', 0x900_0000, 8],
      ['write', 0x900_0000, 1, 0x88n],
    ]);
    expect([core.state(ESR_EL1), core.state(FAR_EL1)]).toEqual([0x9600_0050n, 0x900_0000n]);
  });

  test('the bytes before and after RAM are not RAM', () => {
    const addresses: number[] = [];
    const bus = {
      read: (address: number) => {
        addresses.push(address);
        return 0n;
      },
      write: () => true,
    };
    const { core } = new Bare(1, { bus }).write(0, [0x3940_0020, 0x3940_0040]);
    core.setX(1, at(-1));
    core.setX(2, at(RAM_BYTES));
    core.run(2);
    expect(addresses).toEqual([Number(at(-1)), Number(at(RAM_BYTES))]);
  });

  test('an address beyond 40 bits is an address size fault, not an access', () => {
    const { core } = new Bare().write(0, [LDR_X0_X1]);
    core.setX(1, 1n << 40n);
    core.run(1);
    expect(core.state(ESR_EL1) & 0x3fn).toBe(0n);
    expect(ec(core.state(ESR_EL1))).toBe(0x25);
  });
});

describe('guests of zeros or random words', () => {
  test('zeros for code take one exception an instruction, and the run still ends', () => {
    const { core } = new Bare();
    core.setState(VBAR_EL1, at(0x1000));
    expect(core.run(100_000)).toBe('limit');
    expect(core.exceptions).toBe(100_000n);
  });

  test('random words as code neither leave their memory nor exceed their limit', () => {
    const chance = new Chance(5);
    for (let round = 0; round < 20; round++) {
      const bare = new Bare();
      chance.begin(round);
      for (let offset = 0; offset < RAM_BYTES; offset += 4) bare.ram.setUint32(offset, chance.bits(), true);
      bare.core.setState(VBAR_EL1, at(0x1000));
      // Behind RAM and the notes about its pages.
      const outside = new Uint8Array(bare.ram.buffer, bare.dirtyPagesAt + RAM_BYTES / 4096);
      let instructions = 0;
      while (instructions < 20_000) {
        const before = bare.core.instructions;
        bare.core.run(20_000 - instructions);
        instructions += Number(bare.core.instructions - before);
      }
      expect(instructions).toBe(20_000);
      expect(outside.every((byte) => byte === 0)).toBe(true);
    }
  });
});
