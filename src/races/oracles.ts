import { AssertionError } from 'node:assert';

/** The invariants of every interleaving: a run is judged by them. */
export const ORACLES = {
  O1: 'no stranded work: no vCPU sleeps, or stays in its guest, while an enabled pending interrupt targets it',
  O2: 'conservation: every edge that was accepted is followed by a delivery that begins after it',
  O3: 'no phantom: every delivery has an edge, or a line that is high, that explains the delivery',
  O4: 'line truth: a level line is the OR of its sources whenever no thread is inside the update',
  O5: 'generation match: an access through a handle finds the life that the handle names',
  O6: 'reference balance: a count is the number of holders, and a mapped object is never retired',
  O7: 'single membership: an interrupt is on one pending list at most',
  O8: 'route atomicity: a delivered route was published as a whole',
  O9: 'route freshness: no delivery that begins after a route update has returned uses the older route',
  O10: 'no wait cycle: no thread waits for a thread that waits for it; the explorer finds this by itself',
  O11: 'bounded work: re-entry and retries stay below a stated bound',
  O12: 'ready means ready: no object can be reached before it is initialised',
} as const;
export type OracleId = keyof typeof ORACLES;

/** O1. @param idle - the vCPU that could do the work sleeps, or will not look again */
export function requireNoStrandedWork(idle: boolean, pending: boolean, name: string): void {
  if (idle && pending)
    fail(requireNoStrandedWork, 'O1', `${name} rests while an interrupt is pending for it`);
}

/** O2. @param seen - the number of the last edge before a delivery began */
export function requireDelivered(edges: number, seen: number): void {
  if (seen < edges)
    fail(
      requireDelivered,
      'O2',
      `${edges} edges were accepted, and the last delivery began after number ${seen}`,
    );
}

/** O3. */
export function requireExplained(delivered: boolean, explained: boolean, what: string): void {
  if (delivered && !explained)
    fail(requireExplained, 'O3', `${what} was delivered, and nothing had raised it`);
}

/** O4. */
export function requireLineTruth(line: boolean, sources: boolean): void {
  if (line !== sources) {
    const [is, should] = line ? ['high', 'low'] : ['low', 'high'];
    fail(requireLineTruth, 'O4', `the line is ${is} for good, and by its sources it has to be ${should}`);
  }
}

/** O6. @param holders - number of holders of a reference */
export function requireBalance(count: number, holders: number, what: string): void {
  if (count !== holders)
    fail(requireBalance, 'O6', `${what} counts ${count} references, and has ${holders} holders`);
}

/** O7. @param lists - the lists that hold the interrupt */
export function requireSingleMembership(lists: readonly number[]): void {
  if (lists.length > 1)
    fail(requireSingleMembership, 'O7', `one interrupt is on the lists of vCPUs ${lists.join(' and ')}`);
}

/** O8. @param published - every tuple that was ever in force */
export function requireWholeRoute(used: string, published: readonly string[]): void {
  if (!published.includes(used))
    fail(
      requireWholeRoute,
      'O8',
      `delivered by the route ${used}, which was never set: ${published.join(', ')} were`,
    );
}

/** O9. @param updated - the update had returned before the delivery began */
export function requireFreshRoute(updated: boolean, usedOld: boolean): void {
  if (updated && usedOld)
    fail(
      requireFreshRoute,
      'O9',
      'delivered by the old route after its replacement was reported as in force',
    );
}

/** O11. */
export function requireBounded(depth: number, bound: number, what: string): void {
  if (depth > bound) fail(requireBounded, 'O11', `${what} is ${depth} deep, and ${bound} is the bound`);
}

/** O12. */
export function requireReady(initialised: boolean, what: string): void {
  if (!initialised) fail(requireReady, 'O12', `${what} was reached before it was there`);
}

function fail(oracle: (...args: never[]) => void, id: OracleId, what: string): never {
  const message = `${id}, ${ORACLES[id].split(':')[0]}: ${what}`;
  // The line at fault is the oracle's caller.
  throw new AssertionError({ message, stackStartFn: oracle });
}
