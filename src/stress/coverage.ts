import { GICD_BYTES, GICR_STRIDE } from '../arch/frames.ts';
import { ITS_COMMANDS, type ItsCommand, type ItsCommandName } from '../arch/its-command.ts';
import type { Machine } from '../board/machine.ts';
import { DISTRIBUTOR_REGISTERS } from '../gic/distributor.ts';
import { REDISTRIBUTOR_REGISTERS } from '../gic/redistributor.ts';
import type { ItsDrivers, RegisterBus } from '../guest/index.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';
import { type PerturbationRegions, setBitsOf } from '../memory/perturbation/account.ts';
import { Windows } from '../memory/perturbation/windows.ts';
import { add, load, type Words } from '../memory/word.ts';
import type { Coverage } from './stress-result.ts';

const COMMANDS = Object.keys(ITS_COMMANDS) as ItsCommandName[];
const REGISTERS = [...DISTRIBUTOR_REGISTERS, ...REDISTRIBUTOR_REGISTERS];
/** The flags of an interrupt's state, from bit 0 on, as the JSON names them; HELD is UNQUEUED in gic/state.ts. */
const FLAGS = ['LATCH', 'LINE', 'ACTIVE', 'ENABLED', 'GROUP1', 'EDGE', 'MAPPED', 'HELD'] as const;

export type CoverageRegions = { readonly commands: Region; readonly registers: Region };

export function coverageRegions(layout: Layout): CoverageRegions {
  return layout.group('coverage', {
    commands: Math.max(LINE, COMMANDS.length),
    registers: REGISTERS.length,
  });
}

/** The changes of the controller by the driver's thread, counted. A view of shared words. */
export class CoverageAccount {
  readonly #words: Words;
  readonly #regions: CoverageRegions;

  constructor(words: Words, regions: CoverageRegions) {
    this.#words = words;
    this.#regions = regions;
  }

  /** A driver of the ITSes that counts its commands. */
  commandsOf(its: ItsDrivers): Pick<ItsDrivers, 'send' | 'sendAll' | 'setEnabled'> {
    const count = (commands: readonly ItsCommand[]) => {
      for (const { name } of commands)
        add(this.#words, this.#regions.commands.at + COMMANDS.indexOf(name), 1);
    };
    return {
      send: (...commands) => {
        count(commands);
        its.send(...commands);
      },
      sendAll: (commands) => {
        count(commands);
        its.sendAll(commands);
      },
      setEnabled: (on) => its.setEnabled(on),
    };
  }

  /** A bus that counts the writes to registers of the distributor and the redistributors. */
  registersOf({ bus, config }: Machine): RegisterBus {
    const { gicdBase, gicrBase } = config;
    const last = gicrBase + config.vcpus * GICR_STRIDE;
    const indexOf = (address: number) => {
      if (address >= gicdBase && address < gicdBase + GICD_BYTES)
        return indexIn(DISTRIBUTOR_REGISTERS, address - gicdBase, 0);
      if (address < gicrBase || address >= last) return -1;
      return indexIn(
        REDISTRIBUTOR_REGISTERS,
        (address - gicrBase) % GICR_STRIDE,
        DISTRIBUTOR_REGISTERS.length,
      );
    };
    return {
      read: (address, bytes) => bus.read(address, bytes),
      write: (address, bytes, value) => {
        const index = indexOf(address);
        if (index >= 0) add(this.#words, this.#regions.registers.at + index, 1);
        bus.write(address, bytes, value);
      },
    };
  }

  /** All that a run has met so far: a number that grows. */
  met(perturbation: PerturbationRegions): number {
    return (
      this.#counted(this.#regions.commands).length +
      this.#counted(this.#regions.registers).length +
      setBitsOf(this.#words, perturbation.met).length +
      setBitsOf(this.#words, perturbation.transitions).length
    );
  }

  /** The points that a run has met, by name. A perturbed run has transitions and windows too. */
  read(layout: Layout, perturbation: PerturbationRegions): Coverage {
    const windows = new Windows(layout);
    const stopped = new Set(setBitsOf(this.#words, perturbation.stopped));
    const met = setBitsOf(this.#words, perturbation.met);
    const count = (index: number) => load(this.#words, this.#regions.commands.at + index) >>> 0;
    return {
      commands: Object.fromEntries(COMMANDS.map((name, index) => [name, count(index)])),
      registers: this.#counted(this.#regions.registers).flatMap((index) => REGISTERS[index]?.name ?? []),
      transitions: setBitsOf(this.#words, perturbation.transitions).map(
        (change) => `${flagsOf(change >>> 8)} > ${flagsOf(change & 0xff)}`,
      ),
      windows: met.map((window) => ({ window: windows.nameOf(window), stopped: stopped.has(window) })),
    };
  }

  #counted({ at, words }: Region): number[] {
    return Array.from({ length: words }, (_, index) => index).filter(
      (index) => load(this.#words, at + index) !== 0,
    );
  }
}

function indexIn(rows: typeof REGISTERS, offset: number, first: number): number {
  const index = rows.findIndex(({ at, bytes }) => offset >= at && offset < at + bytes);
  return index < 0 ? -1 : first + index;
}

function flagsOf(state: number): string {
  return FLAGS.filter((_, bit) => (state & (1 << bit)) !== 0).join(' ') || '-';
}
