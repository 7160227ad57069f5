import { FIRST_SPI, type Intid } from '../../arch/intid.ts';
import { gicd, wordOf } from '../../arch/registers.ts';
import type { Rule } from './at-rest.ts';

const PRIORITIES = [0x20, 0x48, 0x80, 0x90, 0xa0, 0xb0] as const;

export const REGISTER_RULES: readonly Rule[] = [
  {
    name: 'registers of an unused SPI read as they were written, and change no other',
    look: (rest) => {
      const { machine, sources, chance, plan } = rest.context;
      const { bus, config } = machine;
      const used = new Set(sources.map(({ intid }) => intid));
      const intid: Intid = FIRST_SPI + chance.below(config.spis);
      if (used.has(intid) || (intid >= plan.spareSpis.first && intid < plan.spareSpis.end)) return false;
      const bit = 1n << BigInt(intid & 31);
      const at = (register: number) => config.gicdBase + wordOf(register, intid);
      // One that the guest has enabled is in use all the same.
      if ((bus.read(at(gicd.ISENABLER), 4) & bit) !== 0n) return false;
      const flag = (set: number, clear: number, name: string) => {
        const before = bus.read(at(set), 4);
        bus.write(at(set), 4, bit);
        rest.expect(
          bus.read(at(set), 4) === (before | bit),
          `${name}: INTID ${intid} was set, and the word reads 0x${bus.read(at(set), 4).toString(16)}`,
        );
        rest.expect(
          bus.read(at(clear), 4) === (before | bit),
          `${name}: the two registers of INTID ${intid} differ`,
        );
        bus.write(at(clear), 4, bit);
        rest.expect(
          bus.read(at(set), 4) === (before & ~bit),
          `${name}: INTID ${intid} was cleared, and the word reads 0x${bus.read(at(set), 4).toString(16)}`,
        );
      };
      flag(gicd.ISPENDR, gicd.ICPENDR, 'ISPENDR');
      flag(gicd.ISACTIVER, gicd.ICACTIVER, 'ISACTIVER');
      flag(gicd.ISENABLER, gicd.ICENABLER, 'ISENABLER');
      const priority = BigInt(PRIORITIES[chance.below(PRIORITIES.length)] ?? 0xa0);
      const byte = config.gicdBase + gicd.IPRIORITYR + intid;
      bus.write(byte, 1, priority);
      rest.expect(
        bus.read(byte, 1) === priority,
        `IPRIORITYR of INTID ${intid} reads 0x${bus.read(byte, 1).toString(16)}, not 0x${priority.toString(16)}`,
      );
      const trigger = config.gicdBase + wordOf(gicd.ICFGR, intid, 2);
      const edge = 2n << BigInt(2 * (intid & 15));
      const word = bus.read(trigger, 4);
      bus.write(trigger, 4, word ^ edge);
      rest.expect(
        bus.read(trigger, 4) === (word ^ edge),
        `ICFGR of INTID ${intid} did not change its trigger, or changed another`,
      );
      bus.write(trigger, 4, word);
      const router = config.gicdBase + gicd.IROUTER + 8 * intid;
      const target = BigInt(chance.below(plan.vcpus));
      bus.write(router, 8, target);
      rest.expect(
        bus.read(router, 8) === target,
        `IROUTER of INTID ${intid} reads ${bus.read(router, 8)}, not ${target}`,
      );
      return true;
    },
  },
];
