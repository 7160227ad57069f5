import type { VcpuId } from '../arch/intid.ts';
import type { Chance } from '../base/chance.ts';
import { type Choice, type Chooser, TURN, turnOf } from './run-schedule.ts';
import { type Actor, actorOf, type Turn } from './turn.ts';

export const GUEST_STRATEGIES = ['random', 'pct', 'communication'] as const;
export type GuestStrategy = (typeof GUEST_STRATEGIES)[number];

/** log2 of the largest mean of a quantum, instructions. */
const MOST_QUANTUM_BITS = 12;
/** One turn in so many moves time to the next timer, if one is set. */
const TIME_TURNS = 64;

/** With probability 1/2, a store that leaves before the next turn. */
function leavingStore(chance: Chance, { waiting }: Choice): Turn | undefined {
  if (!waiting.some((count) => count > 0) || chance.below(2) === 0) return undefined;
  const vcpu: VcpuId = chance.below(waiting.length);
  const count = waiting[vcpu] ?? 0;
  return count === 0 ? undefined : { does: 'store', vcpu, store: chance.below(count) };
}

function pick(chance: Chance, choice: Choice): Actor {
  const { ready, hasTimer, last } = choice;
  if (hasTimer && chance.below(TIME_TURNS) === 0) return 'time';
  // A vCPU that spins waits for another.
  const others = last?.end === 'spin' ? ready.filter((actor) => actor !== actorOf(last.turn)) : ready;
  const from = others.length > 0 ? others : ready;
  return from[chance.below(from.length)] ?? '0';
}

/** Runs a random ready actor for a random number of instructions, whose mean, 1 to 4096, is drawn for each schedule. */
export function random(chance: Chance): Chooser {
  const mean = 2 ** chance.below(MOST_QUANTUM_BITS + 1);
  return {
    stopsEarly: true,
    next: (choice) =>
      leavingStore(chance, choice) ?? turnOf(pick(chance, choice), 1 + chance.below(2 * mean - 1)),
  };
}

/**
 * PCT over instructions: the ready actor of the highest priority runs. At `depth - 1` instructions, drawn beforehand, the running actor
 * gets the lowest priority. So does an actor that spins or has run a whole turn, because it may wait for another.
 * @param length - instructions of a schedule
 * @see Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010
 */
export function pct(chance: Chance, depth: number, length: number): Chooser {
  const points = Array.from({ length: depth - 1 }, () => 1 + chance.below(Math.max(1, length))).sort(
    (a, b) => a - b,
  );
  const priorities = new Map<Actor, number>();
  let lowest = 0;
  const priorityOf = (actor: Actor) => {
    const known = priorities.get(actor);
    if (known !== undefined) return known;
    const drawn = chance.unit() + 1;
    priorities.set(actor, drawn);
    return drawn;
  };
  return {
    stopsEarly: true,
    next(choice) {
      const { ready, last, instructions } = choice;
      const store = leavingStore(chance, choice);
      if (store) return store;
      const tired = last?.turn.does === 'run' && (last.end === 'spin' || last.turn.instructions >= TURN);
      if (last && tired) priorities.set(actorOf(last.turn), --lowest);
      while ((points[0] ?? Number.POSITIVE_INFINITY) <= instructions) {
        points.shift();
        if (last) priorities.set(actorOf(last.turn), --lowest);
      }
      const first = [...ready].sort((a, b) => priorityOf(b) - priorityOf(a))[0] ?? '0';
      return turnOf(first, Math.min(TURN, (points[0] ?? Number.POSITIVE_INFINITY) - instructions));
    },
  };
}

/** After each access to shared memory or the interrupt controller, may switch to another actor, with a probability drawn per schedule. */
export function communication(chance: Chance): Chooser {
  const one = 2 ** (1 + chance.below(4));
  return {
    stopsEarly: true,
    next(choice) {
      const { last, ready } = choice;
      const store = leavingStore(chance, choice);
      if (store) return store;
      const goesOn = last?.turn.does === 'run' && (last.end === 'touched' || last.end === 'ran');
      const actor = last && actorOf(last.turn);
      if (goesOn && actor !== undefined && ready.includes(actor) && chance.below(one) !== 0)
        return turnOf(actor, TURN);
      return turnOf(pick(chance, choice), TURN);
    },
  };
}
