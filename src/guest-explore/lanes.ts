import { accessText } from './access-names.ts';
import type { ExploredGuest, TurnEnd } from './explored-guest.ts';
import { type Chooser, type Outcome, preemptionsOf, runSchedule } from './run-schedule.ts';
import type { Symbols } from './symbols.ts';
import type { Turn } from './turn.ts';

/** One turn of a schedule, for display: of a vCPU, the ITS, a device, the ringer or time. */
export type Lane = {
  /** `vCPU 0`, `ITS`, `ringer`, `device 1`, `time`. */
  readonly actor: string;
  readonly does: string;
  /** Instructions; 0 for an actor other than a vCPU. */
  readonly instructions: number;
  /** Accessed registers by name, in order; equal consecutive accesses are merged. */
  readonly accesses: readonly string[];
  /** How the turn ended, if that explains the schedule. */
  readonly end: '' | 'preempted' | 'asleep' | 'spins';
};

const MOST_ACCESSES = 12;
const ENDS: Readonly<Record<TurnEnd, Lane['end']>> = {
  ran: '',
  touched: '',
  idle: 'asleep',
  spin: 'spins',
  ended: '',
  skipped: '',
};

/** Runs a schedule again, and describes each of its turns. Consecutive turns of one vCPU form one lane. */
export function showSchedule(
  guest: ExploredGuest,
  chooser: Chooser,
  limit: number,
  symbols: Symbols,
): { readonly lanes: readonly Lane[]; readonly outcome: Outcome; readonly preemptions: number } {
  const lanes: Lane[] = [];
  const ends: TurnEnd[] = [];
  let accesses: string[] = [];
  let current = -1;
  const pcs = () => guest.controlled.vcpus.map(({ core }) => core.pc);
  guest.restore();
  let from = pcs();
  guest.outside.onAccess = (access) => {
    const text = accessText(access, guest.board.machine.config);
    if (text !== undefined && accesses.at(-1) !== text && accesses.length <= MOST_ACCESSES)
      accesses.push(text);
  };
  const outcome = runSchedule(guest, chooser, limit, (turn, end) => {
    ends.push(end);
    const lane = { accesses, end: ENDS[end], ...said(turn, from, pcs(), symbols) };
    const last = lanes.at(-1);
    if (turn.does === 'run' && turn.vcpu === current && last) {
      lanes[lanes.length - 1] = {
        ...last,
        does: `${last.does.split(' → ')[0]} → ${lane.does.split(' → ').at(-1)}`,
        instructions: last.instructions + lane.instructions,
        accesses: [...last.accesses, ...accesses].slice(0, MOST_ACCESSES + 1),
        end: lane.end,
      };
    } else lanes.push(lane);
    current = turn.does === 'run' ? turn.vcpu : -1;
    accesses = [];
    from = pcs();
  });
  guest.outside.onAccess = undefined;
  return { lanes: markPreempted(lanes), outcome, preemptions: preemptionsOf(outcome.turns, ends) };
}

/** Marks preemptions: a vCPU that neither slept nor spun was preempted if another vCPU's turn comes before its next. */
function markPreempted(lanes: readonly Lane[]): Lane[] {
  return lanes.map((lane, index) => {
    if (lane.end !== '' || lane.instructions === 0) return lane;
    const next = lanes.slice(index + 1).find(({ instructions }) => instructions > 0);
    return next && next.actor !== lane.actor ? { ...lane, end: 'preempted' } : lane;
  });
}

function said(
  turn: Turn,
  from: readonly bigint[],
  to: readonly bigint[],
  symbols: Symbols,
): Pick<Lane, 'actor' | 'does' | 'instructions'> {
  switch (turn.does) {
    case 'run': {
      const [first, last] = [from[turn.vcpu] ?? 0n, to[turn.vcpu] ?? 0n];
      // A vCPU gets its pc when it runs for the first time; RAM does not begin at 0.
      const start = first === 0n ? 'its entry' : symbols.nameOf(first);
      const does = `${start} → ${symbols.nameOf(last)}`;
      return { actor: `vCPU ${turn.vcpu}`, does, instructions: turn.instructions };
    }
    case 'store':
      return {
        actor: `vCPU ${turn.vcpu}`,
        does: turn.store === 0 ? 'its oldest waiting store leaves' : `its waiting store ${turn.store} leaves`,
        instructions: 0,
      };
    case 'its':
      return { actor: 'ITS', does: 'carries out a command', instructions: 0 };
    case 'ring':
      return { actor: 'ringer', does: 'its MSI arrives', instructions: 0 };
    case 'device':
      return { actor: `device ${turn.device}`, does: 'serves its queues; its MSIs arrive', instructions: 0 };
    default:
      return { actor: 'time', does: 'moves to the first timer', instructions: 0 };
  }
}
