import type { DeviceId, EventId, Intid, VcpuId } from '../../arch/intid.ts';
import type { ItsCommand } from '../../arch/its-command.ts';
import type { JsonObject } from '../../base/json-line.ts';
import type { CommandWords } from './command-words.ts';
import type { ItsNumber } from './vector-layout.ts';
import type { VectorMachine, VmNumber } from './vector-machine.ts';
import type { Place } from './vector-registers.ts';
import { type Carry, VM_OPS, type VmCall } from './vector-vm.ts';

export type { VectorMachine, VmNumber } from './vector-machine.ts';

export type Bits = 8 | 16 | 32 | 64;

/** A command of a vector: an architectural command, or any four doublewords. */
export type VectorCommand = ItsCommand | { readonly name: 'RAW'; readonly words: CommandWords };

/** An input wire: an SPI's, or a PPI's of one vCPU; both by INTID. */
export type Wire = { readonly spi: Intid } | { readonly ppi: Intid; readonly cpu: VcpuId };

/** A verb of `cpu N VERB` without an answer. `to` lists vCPUs; `others`: all except the sender. */
export type ActingVerb =
  | { readonly verb: 'on' | 'off' }
  | { readonly verb: 'pmr'; readonly value: number }
  | { readonly verb: 'eoimode'; readonly mode: 0 | 1 }
  | { readonly verb: 'eoi' | 'dir'; readonly intid: Intid }
  | { readonly verb: 'w'; readonly register: string; readonly value: bigint }
  | { readonly verb: 'sgi'; readonly intid: Intid; readonly to: 'others' | readonly VcpuId[] };

/**
 * A verb with an answer. `r` reads a system register, named without ICC_ and _EL1; `drain` takes at most
 * `most` interrupts, one access at a time; `take` lets the guest run, which takes at most `most` by its vector.
 */
export type ObservingVerb =
  | { readonly verb: 'hppi' | 'ack' | 'irq' | 'fiq' | 'rpr' | 'pmr?' }
  | { readonly verb: 'r'; readonly register: string }
  | { readonly verb: 'drain' | 'take'; readonly most: number };

type OfCpu = { readonly op: 'cpu'; readonly cpu: VcpuId };

/** A step that changes the machine and gives no answer. Addresses are guest-physical. */
export type Deed =
  /** Which VM, or which ITS, the steps after it concern. */
  | { readonly op: 'vm'; readonly number: VmNumber }
  | { readonly op: 'its'; readonly number: ItsNumber }
  /** Copies all guest memory of the other VM into this one. */
  | { readonly op: 'carry-ram' }
  | { readonly op: 'write'; readonly bits: Bits; readonly place: Place; readonly value: bigint }
  | { readonly op: 'fill'; readonly address: number; readonly bytes: number; readonly value: number }
  | { readonly op: 'mem64'; readonly address: number; readonly value: bigint }
  | { readonly op: 'setup-dist' }
  | { readonly op: 'setup-lpis'; readonly idBits: number; readonly cpus: readonly VcpuId[] }
  | { readonly op: 'setup-its'; readonly queuePages: number }
  | { readonly op: 'zero-itt'; readonly deviceId: DeviceId }
  | { readonly op: 'queue'; readonly command: VectorCommand; readonly times: number }
  | { readonly op: 'msi'; readonly deviceId: DeviceId; readonly eventId: EventId }
  | { readonly op: 'line'; readonly wire: Wire; readonly level: 0 | 1 }
  | { readonly op: 'lpi-config'; readonly lpi: Intid; readonly enabled: boolean; readonly priority: number }
  | (OfCpu & ActingVerb);

/** A step with an answer. Some also change the machine. */
export type Observation =
  | { readonly op: 'read'; readonly bits: Bits; readonly place: Place }
  | { readonly op: 'cmd'; readonly command: VectorCommand }
  | { readonly op: 'kick' }
  | { readonly op: 'lpi-pending'; readonly lpi: Intid; readonly cpu: VcpuId }
  | { readonly op: 'lpi-pending-all' }
  | VmCall
  | Carry
  | (OfCpu & ObservingVerb);

/** The action of one step. */
export type VectorAction = Deed | Observation;

/** The implementation `who` answers an observation differently from QEMU: with `answer` if given, else with any answer. */
export type Mark = { readonly who: string; readonly answer?: JsonObject; readonly why: string };

export type VectorStep = {
  /** Line of the file, counted from 1. */
  readonly line: number;
  /** The line without its comment. Answers quote its words. */
  readonly text: string;
  readonly action: VectorAction;
  /** Empty unless the step observes. */
  readonly marks: readonly Mark[];
};

export type Vector = VectorMachine & {
  /** The file's name, as the caller gave it. */
  readonly file: string;
  readonly title: string;
  readonly steps: readonly VectorStep[];
};

const OBSERVING_OPS: ReadonlySet<string> = new Set([
  ...['read', 'cmd', 'kick', 'lpi-pending', 'lpi-pending-all'],
  ...VM_OPS,
  'carry',
]);
const OBSERVING_VERBS: ReadonlySet<string> = new Set([
  'hppi',
  'ack',
  'drain',
  'take',
  'irq',
  'fiq',
  'rpr',
  'pmr?',
  'r',
]);

/** Whether a step gives an answer. */
export function observes(action: VectorAction): action is Observation {
  return OBSERVING_OPS.has(action.op) || (action.op === 'cpu' && OBSERVING_VERBS.has(action.verb));
}
