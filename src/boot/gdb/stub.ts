import type { VcpuId } from '../../arch/intid.ts';
import { type GdbTarget, REGISTERS } from './target.ts';

const OK = 'OK';
const FAILED = 'E01';
const UNKNOWN = '';
/** GDB's signal numbers: trap, and interrupt. */
const STOPPED = { trap: '05', interrupt: '02' } as const;
const PIECE_MS = 20;
/** Thread ID of an action for all threads. */
const ANY = '-1';

/** The target description: the registers. */
const DESCRIPTION = `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0"><architecture>aarch64</architecture><feature name="org.gnu.gdb.aarch64.core">${[
  ...Array.from({ length: 31 }, (_, x) => `<reg name="x${x}" bitsize="64"/>`),
  '<reg name="sp" bitsize="64" type="data_ptr"/>',
  '<reg name="pc" bitsize="64" type="code_ptr"/>',
  '<reg name="cpsr" bitsize="32"/>',
].join('')}</feature></target>`;

/** The result of a packet: an answer; `run`: the guest runs, and the answer follows when it stops; or the debugger has left. */
export type Reply = { readonly answer: string } | 'run' | 'detached' | 'killed';

/**
 * GDB's remote protocol, one packet at a time, for a stopped guest. vCPU n is thread n + 1. Independent of the connection.
 */
export class GdbStub {
  readonly #target: GdbTarget;
  #general = 0;
  #current = 0;

  constructor(target: GdbTarget) {
    this.#target = target;
  }

  /** The answer to a packet. */
  handle(packet: string): Reply {
    const rest = packet.slice(1);
    switch (packet[0]) {
      case '?':
        return { answer: this.stopped('trap', this.#current) };
      case 'g':
        return {
          answer: Array.from({ length: REGISTERS }, (_, n) => this.#target.register(this.#general, n)).join(
            '',
          ),
        };
      case 'G':
        return { answer: this.#setAll(rest) };
      case 'p':
        return { answer: this.#target.register(this.#general, Number.parseInt(rest, 16)) ?? FAILED };
      case 'P': {
        const [register = '', value = ''] = rest.split('=');
        return {
          answer: this.#target.setRegister(this.#general, Number.parseInt(register, 16), value) ? OK : FAILED,
        };
      }
      case 'm':
        return { answer: this.#read(rest) };
      case 'M':
        return { answer: this.#write(rest) };
      case 'Z':
      case 'z':
        return { answer: this.#breakpoint(packet[0] === 'Z', rest) };
      case 'H':
        return { answer: this.#select(rest) };
      case 'T':
        return { answer: this.#target.isAlive(Number.parseInt(rest, 16) - 1) ? OK : FAILED };
      case 's':
        this.#target.step(this.#general);
        return { answer: this.stopped('trap', this.#general) };
      case 'c':
        return 'run';
      case 'D':
        this.#target.clearAll(this.#general);
        return 'detached';
      case 'k':
        return 'killed';
      default:
        return this.#named(packet);
    }
  }

  /** Runs the guest for {@link PIECE_MS}. Returns the stop reply, or `undefined` while the guest continues. */
  run(): string | undefined {
    const vcpu: VcpuId = this.#target.run(PIECE_MS);
    if (vcpu >= 0) return this.stopped('trap', vcpu);
    return this.#target.hasEnded ? 'W00' : undefined;
  }

  /** The stop reply; makes `vcpu` the current thread. */
  stopped(why: keyof typeof STOPPED, vcpu: VcpuId): string {
    if (this.#target.hasEnded) return 'W00';
    this.#current = vcpu;
    this.#general = vcpu;
    return `T${STOPPED[why]}thread:${(vcpu + 1).toString(16)};`;
  }

  get current(): VcpuId {
    return this.#current;
  }

  #named(packet: string): Reply {
    if (packet.startsWith('qSupported'))
      return { answer: 'PacketSize=8000;qXfer:features:read+;vContSupported+' };
    if (packet.startsWith('qXfer:features:read:target.xml:')) return { answer: this.#describe(packet) };
    if (packet === 'qfThreadInfo') return { answer: `m${this.#threads().join(',')}` };
    if (packet === 'qsThreadInfo') return { answer: 'l' };
    if (packet === 'qC') return { answer: `QC${(this.#current + 1).toString(16)}` };
    if (packet.startsWith('qAttached')) return { answer: '1' };
    if (packet === 'vCont?') return { answer: 'vCont;c;C;s;S' };
    if (packet.startsWith('vCont;')) return this.#continue(packet.slice('vCont;'.length));
    return { answer: UNKNOWN };
  }

  /** vCont: the first step action wins; without one, all threads continue. */
  #continue(actions: string): Reply {
    const step = actions.split(';').find((action) => /^s/i.test(action));
    if (step === undefined) return 'run';
    const [, thread = ANY] = step.split(':');
    const vcpu: VcpuId = thread === ANY ? this.#general : Number.parseInt(thread, 16) - 1;
    if (!this.#target.isAlive(vcpu)) return { answer: FAILED };
    this.#target.step(vcpu);
    return { answer: this.stopped('trap', vcpu) };
  }

  #threads(): string[] {
    return Array.from({ length: this.#target.vcpus }, (_, vcpu) => vcpu)
      .filter((vcpu) => this.#target.isAlive(vcpu))
      .map((vcpu) => (vcpu + 1).toString(16));
  }

  #describe(packet: string): string {
    const [from = 0, most = 0] = (packet.split(':').at(-1) ?? '')
      .split(',')
      .map((part) => Number.parseInt(part, 16));
    const part = DESCRIPTION.slice(from, from + most);
    return `${from + most >= DESCRIPTION.length ? 'l' : 'm'}${part}`;
  }

  #setAll(hex: string): string {
    for (let register = 0; register < REGISTERS; register++)
      this.#target.setRegister(
        this.#general,
        register,
        hex.slice(16 * register, 16 * register + (register < 33 ? 16 : 8)),
      );
    return OK;
  }

  #read(rest: string): string {
    const [address = '', bytes = ''] = rest.split(',');
    const at = addressOf(address);
    if (at === undefined) return FAILED;
    return this.#target.read(this.#general, at, Number.parseInt(bytes, 16)) ?? FAILED;
  }

  #write(rest: string): string {
    const [place = '', hex = ''] = rest.split(':');
    const [address = ''] = place.split(',');
    const at = addressOf(address);
    if (at === undefined) return FAILED;
    return this.#target.write(this.#general, at, Buffer.from(hex, 'hex')) ? OK : FAILED;
  }

  /** Software and hardware breakpoints, which are the same here; no watchpoints. */
  #breakpoint(set: boolean, rest: string): string {
    const [kind, address = ''] = rest.split(',');
    if (kind !== '0' && kind !== '1') return UNKNOWN;
    const at = addressOf(address);
    if (at === undefined) return FAILED;
    const done = set
      ? this.#target.setBreakpoint(this.#general, at)
      : this.#target.clearBreakpoint(this.#general, at);
    return done ? OK : FAILED;
  }

  #select(rest: string): string {
    const thread = Number.parseInt(rest.slice(1), 16);
    if (thread <= 0 || Number.isNaN(thread)) return OK; // any, or all
    if (!this.#target.isAlive(thread - 1)) return FAILED;
    if (rest[0] === 'g') this.#general = thread - 1;
    return OK;
  }
}

/** An address of at most 64 bits in hexadecimal; undefined for other text: any process of the host may send packets. */
function addressOf(hex: string): bigint | undefined {
  return /^[0-9a-f]{1,16}$/i.test(hex) ? BigInt(`0x${hex}`) : undefined;
}
