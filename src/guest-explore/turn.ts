import type { VcpuId } from '../arch/intid.ts';
import type { StoreChoice } from '../boot/store-buffers.ts';

/**
 * One turn of a schedule. `run`: a vCPU runs so many instructions, or fewer if it falls asleep or the guest ends. `store`: a store leaves
 * its vCPU's buffer. `its`: the ITS executes one command. `device`: a virtio device serves its notified queues, and its interrupts
 * arrive. `ring`: the ringer's first waiting MSI arrives. `time`: time moves to the next timer.
 */
export type Turn =
  | { readonly does: 'run'; readonly vcpu: VcpuId; readonly instructions: number }
  | ({ readonly does: 'store' } & StoreChoice)
  | { readonly does: 'its' }
  | { readonly does: 'ring' }
  | { readonly does: 'time' }
  | { readonly does: 'device'; readonly device: number };

/** The actor of a turn: the encoded turn without instructions. Stores have no actor: they leave between two turns. */
export type Actor = string;

export function actorOf(turn: Turn): Actor {
  return turn.does === 'run' ? `${turn.vcpu}` : turn.does === 'device' ? `d${turn.device}` : turn.does;
}

const LETTERS = { its: 'i', ring: 'r', time: 't' } as const;
const SEPARATOR = '-';

/** Encodes turns, with numbers in base 36: `0.k-s1.0-i`. */
export function encodeTurns(turns: readonly Turn[]): string {
  return turns.map(encodeTurn).join(SEPARATOR) || '.';
}

function encodeTurn(turn: Turn): string {
  switch (turn.does) {
    case 'run':
      return `${turn.vcpu.toString(36)}.${turn.instructions.toString(36)}`;
    case 'store':
      return `s${turn.vcpu.toString(36)}.${turn.store.toString(36)}`;
    case 'device':
      return `d${turn.device.toString(36)}`;
    default:
      return LETTERS[turn.does];
  }
}

const TURN = /^(?:(s?)([0-9a-z]{1,2})\.([0-9a-z]{1,8})|d([0-9a-z]{1,2})|([irt]))$/;

/** The inverse of {@link encodeTurns}; `undefined` for other text. A replay skips turns of vCPUs that the guest does not have. */
export function decodeTurns(text: string): Turn[] | undefined {
  if (text === '.') return [];
  const turns: Turn[] = [];
  for (const each of text.split(SEPARATOR)) {
    const [, store, first, second, device, letter] = TURN.exec(each) ?? [];
    const number = (digits: string | undefined) => Number.parseInt(digits ?? '', 36);
    if (letter === 'i') turns.push({ does: 'its' });
    else if (letter === 'r') turns.push({ does: 'ring' });
    else if (letter === 't') turns.push({ does: 'time' });
    else if (device !== undefined) turns.push({ does: 'device', device: number(device) });
    else if (first === undefined) return undefined;
    else if (store === 's') turns.push({ does: 'store', vcpu: number(first), store: number(second) });
    else turns.push({ does: 'run', vcpu: number(first), instructions: number(second) });
  }
  return turns;
}

/** The schedule with consecutive turns of one vCPU merged. */
export function merged(turns: readonly Turn[]): Turn[] {
  const all: Turn[] = [];
  for (const turn of turns) {
    const last = all.at(-1);
    if (turn.does === 'run' && turn.instructions === 0) continue;
    if (turn.does === 'run' && last?.does === 'run' && last.vcpu === turn.vcpu)
      all[all.length - 1] = { ...turn, instructions: last.instructions + turn.instructions };
    else all.push(turn);
  }
  return all;
}
