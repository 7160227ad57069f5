import type { VcpuId } from '../arch/intid.ts';
import { NEVER } from '../boot/guest-clock.ts';
import type { ExploredGuest, TurnEnd } from './explored-guest.ts';
import type { Wrong } from './failure.ts';
import type { Actor, Turn } from './turn.ts';

/** The state from which a chooser picks the next turn. */
export type Choice = {
  /** The actors that can take a turn; never empty. */
  readonly ready: readonly Actor[];
  /** The number of waiting stores, by vCPU. */
  readonly waiting: readonly number[];
  /** The previous turn, with the instructions that it ran, and its end. */
  readonly last: { readonly turn: Turn; readonly end: TurnEnd } | undefined;
  /** Instructions since the start point. */
  readonly instructions: number;
  /** Whether a timer is set, so that a turn of `time` has an effect. */
  readonly hasTimer: boolean;
};

/** Chooses the turns of one schedule. */
export type Chooser = {
  next(choice: Choice): Turn;
  /** Whether a spinning vCPU or a watched access ends a turn; false in a replay. */
  readonly stopsEarly: boolean;
};

/** The outcome of a schedule. */
export type Outcome = {
  readonly wrong: Wrong | undefined;
  /** `end`: the guest powered off; `limit`: the schedule reached its bound without a failure. */
  readonly how: 'wrong' | 'end' | 'limit';
  /** The turns taken, with the instructions that they ran. */
  readonly turns: readonly Turn[];
  readonly instructions: number;
};

/** Consecutive turns in which vCPUs only spin, before an attempt to prove that they spin forever. */
const SPINS = 128;
/** The most consecutive turns without an effect. */
const MOST_SKIPPED = 10_000;

/** Runs one schedule from the guest's start point, until a failure, the guest's end, or the bound. */
export function runSchedule(
  guest: ExploredGuest,
  chooser: Chooser,
  limit: number,
  onTurn?: (turn: Turn, end: TurnEnd) => void,
): Outcome {
  guest.restore();
  const turns: Turn[] = [];
  const { board, controlled } = guest;
  let last: Choice['last'];
  let [spins, skipped, patience] = [0, 0, SPINS];
  const outcome = (how: Outcome['how'], wrong?: Wrong): Outcome => {
    controlled.stores.drainAll();
    return { wrong, how, turns, instructions: guest.instructions };
  };
  for (;;) {
    const wrong = guest.wrong();
    if (wrong) return outcome('wrong', wrong);
    if (board.end.hasCome) return outcome('end');
    const isLimit = guest.instructions >= limit;
    if (isLimit || spins >= patience) {
      turns.push(...guest.tryLivelock());
      const livelock = guest.wrong();
      if (livelock) return outcome('wrong', livelock);
      if (isLimit) return outcome('limit');
      spins = 0;
      patience *= 2;
      continue;
    }
    const { instructions } = guest;
    const ready = guest.ready();
    if (ready.length === 0) {
      if (!controlled.moveTime()) return outcome('wrong', guest.deadlocked());
      continue;
    }
    const choice = {
      ready,
      waiting: controlled.stores.waiting(),
      last,
      instructions,
      hasTimer: controlled.untilTimer() !== NEVER,
    };
    const chosen = chooser.next(choice);
    const { end, ran } = guest.take(chosen, chooser.stopsEarly);
    const turn = chosen.does === 'run' ? { ...chosen, instructions: ran } : chosen;
    last = { turn, end };
    skipped = end === 'skipped' ? skipped + 1 : 0;
    if (skipped > MOST_SKIPPED) return outcome('limit');
    if (end === 'skipped') continue;
    turns.push(turn);
    onTurn?.(turn, end);
    // A waiting loop accesses the memory for whose change it waits, so such an access does not end a row of spins.
    spins = end === 'spin' ? spins + 1 : turn.does === 'store' || end === 'touched' ? spins : 0;
  }
}

/** The preemptions of a schedule: how often it leaves a vCPU that could have continued. */
export function preemptionsOf(turns: readonly Turn[], ends: readonly TurnEnd[]): number {
  let [count, current] = [0, -1];
  let couldGoOn = false;
  for (const [index, turn] of turns.entries()) {
    if (turn.does !== 'run') continue;
    if (current >= 0 && turn.vcpu !== current && couldGoOn) count++;
    current = turn.vcpu;
    couldGoOn = ends[index] !== 'idle' && ends[index] !== 'spin';
  }
  return count;
}

/** Instructions of a turn that nothing ends early. */
export const TURN = 10_000;

/** Preempts no actor: a vCPU runs until it sleeps or spins, then the next vCPU; devices and ringer act in between. */
export function undisturbed(): Chooser {
  return { stopsEarly: true, next: (choice) => undisturbedTurn(choice) };
}

/** The next turn of {@link undisturbed}. */
export function undisturbedTurn({ ready, waiting, last }: Choice): Turn {
  const wholeTurn = last?.turn.does === 'run' && (last.end === 'ran' || last.end === 'touched');
  const current = last?.turn.does === 'run' ? last.turn.vcpu : -1;
  const outside = ready.find((actor) => Number.isNaN(Number(actor)));
  if (!(wholeTurn && ready.includes(`${current}`)) && outside !== undefined) return turnOf(outside, TURN);
  if (wholeTurn && ready.includes(`${current}`)) return { does: 'run', vcpu: current, instructions: TURN };
  const vcpu: VcpuId = waiting.findIndex((count) => count > 0);
  if (vcpu >= 0) return { does: 'store', vcpu, store: 0 };
  const vcpus = ready.map(Number).filter((actor) => !Number.isNaN(actor));
  const next = vcpus.find((each) => each > current) ?? vcpus[0] ?? 0;
  return { does: 'run', vcpu: next, instructions: TURN };
}

export function turnOf(actor: Actor, instructions: number): Turn {
  if (actor === 'its' || actor === 'ring' || actor === 'time') return { does: actor };
  if (actor.startsWith('d')) return { does: 'device', device: Number(actor.slice(1)) };
  return { does: 'run', vcpu: Number(actor), instructions };
}

/** Replays turns; after the last turn, preempts no actor. */
export function following(turns: readonly Turn[]): Chooser {
  let at = 0;
  return {
    get stopsEarly() {
      return at > turns.length;
    },
    next(choice) {
      const turn = turns[at++];
      if (turn === undefined) return undisturbedTurn(choice);
      return turn;
    },
  };
}
