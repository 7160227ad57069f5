import { decodeCommand, type ItsCommand, type Packet } from '../arch/its-command.ts';
import { LINE, type Region } from '../memory/layout.ts';
import { add, load, store, type Words } from '../memory/word.ts';

/** The result of a command that succeeded. */
export const OK = 0;

/**
 * The errors of commands, by name. `E_ITS_*` are the architecture's and KVM's command error numbers; negative numbers
 * are errnos. The guest sees none of them: the ITS skips the command.
 * @see include/linux/irqchip/arm-gic-v3.h
 */
export const COMMAND_ERRORS = {
  E_ITS_MOVI_UNMAPPED_INTERRUPT: 0x010107,
  E_ITS_MOVI_UNMAPPED_COLLECTION: 0x010109,
  E_ITS_INT_UNMAPPED_INTERRUPT: 0x010307,
  E_ITS_CLEAR_UNMAPPED_INTERRUPT: 0x010507,
  E_ITS_MAPD_DEVICE_OOR: 0x010801,
  E_ITS_MAPD_ITTSIZE_OOR: 0x010802,
  E_ITS_MAPC_PROCNUM_OOR: 0x010902,
  E_ITS_MAPC_COLLECTION_OOR: 0x010903,
  E_ITS_MAPTI_UNMAPPED_DEVICE: 0x010a04,
  E_ITS_MAPTI_ID_OOR: 0x010a05,
  E_ITS_MAPTI_PHYSICALID_OOR: 0x010a06,
  E_ITS_INV_UNMAPPED_INTERRUPT: 0x010c07,
  E_ITS_INVALL_UNMAPPED_COLLECTION: 0x010d09,
  E_ITS_MOVALL_PROCNUM_OOR: 0x010e01,
  E_ITS_DISCARD_UNMAPPED_INTERRUPT: 0x010f07,
  /** The table of devices, events or collections is full, or the board has no room for such a vPE. */
  ENOMEM: -12,
  /** Of GICv4.1: the event, its device or the vPE is not mapped. */
  ENOENT: -2,
  /** Of GICv4.1: a number is out of range: a vPE, a vLPI, an EventID, a doorbell, a PE. */
  EINVAL: -22,
  /** The command itself, or guest memory that the command needs, is not accessible. */
  EFAULT: -14,
  /** INT to a redistributor whose LPIs are off; VMAPP or VMOVP of a vPE that is resident. */
  EBUSY: -16,
  /** This ITS has no command of this opcode. */
  ENODEV: -19,
} as const;

type CommandErrorName = keyof typeof COMMAND_ERRORS;

const NAMES = Object.keys(COMMAND_ERRORS) as CommandErrorName[];
const INDEX = new Map<number, number>(NAMES.map((name, index) => [COMMAND_ERRORS[name], index]));

/** Failed commands kept with their bytes. */
const KEPT = 16;
/** A kept command: its code, its offset in the queue, and its eight words. */
const KEPT_WORDS = 10;
const TOTAL = 0;
const COUNTS = 1;
const RING = Math.ceil((COUNTS + NAMES.length) / LINE) * LINE;

export const COMMAND_ERROR_WORDS = RING + KEPT * KEPT_WORDS;

export type CommandErrorCount = {
  readonly code: number;
  readonly name: CommandErrorName;
  readonly count: number;
};

/** A command that failed: the `nth` since the ITS was created, at `offset` in the queue. */
export type FailedCommand = {
  readonly nth: number;
  readonly code: number;
  readonly name: CommandErrorName;
  readonly offset: number;
  readonly packet: Packet;
  /** The decoded packet; undefined where the opcode is unknown. */
  readonly command: ItsCommand | undefined;
};

/**
 * The commands that failed: a count by error, and the last few with their bytes. A guest's mistake throws no exception;
 * it shows up here. `record` and `recent` run with the command lock held.
 */
export class CommandErrors {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
  }

  record(code: number, offset: number, packet: Packet): void {
    const nth = add(this.#words, this.#at + TOTAL, 1);
    add(this.#words, this.#at + COUNTS + (INDEX.get(code) ?? 0), 1);
    const at = this.#keptAt(nth);
    store(this.#words, at, code);
    store(this.#words, at + 1, offset);
    packet.forEach((word, index) => {
      store(this.#words, at + 2 + index, word);
    });
  }

  /** The number of failed commands, of all kinds. Any thread. */
  get total(): number {
    return load(this.#words, this.#at + TOTAL) >>> 0;
  }

  /** Counts above zero, in the order of {@link COMMAND_ERRORS}. Any thread. */
  counts(): CommandErrorCount[] {
    return NAMES.map((name, index) => ({
      code: COMMAND_ERRORS[name],
      name,
      count: load(this.#words, this.#at + COUNTS + index) >>> 0,
    })).filter(({ count }) => count > 0);
  }

  /** The last failed commands, oldest first. */
  recent(): FailedCommand[] {
    const failed: FailedCommand[] = [];
    for (let nth = Math.max(0, this.total - KEPT); nth < this.total; nth++) {
      const at = this.#keptAt(nth);
      const word = (index: number) => load(this.#words, at + 2 + index);
      const packet: Packet = [word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7)];
      const code = load(this.#words, at);
      const name = NAMES[INDEX.get(code) ?? 0] ?? 'ENODEV';
      const offset = load(this.#words, at + 1);
      failed.push({ nth, code, name, offset, packet, command: decodeCommand(packet) });
    }
    return failed;
  }

  #keptAt(nth: number): number {
    return this.#at + RING + (nth % KEPT) * KEPT_WORDS;
  }
}
