import { untilAborted } from '../../base/until-aborted.ts';
import type { Fault } from '../../board/config.ts';
import { Machine } from '../../board/machine.ts';
import { type Cast, Harness } from '../../threads/harness.ts';
import type { GuestTest, Part } from './guest-catalogue.ts';
import { msiSenderProgram, programGuestProgram } from './guest-thread.ts';
import { type GuestResult, type GuestsResult, passed } from './guests-result.ts';
import { type Delivery, guestConfig, Noticeboard } from './noticeboard.ts';

export type GuestOptions = {
  /** An injected fault, which the guests must detect. */
  readonly fault?: Fault;
  /** The longest time of userspace, and of a whole part, ms. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
};

const SHOWN = 10;
const PATIENCE_MS = 30_000;
/** How long threads may take to end after the part is over, ms. */
const LEAVE_MS = 10_000;
const LOOK_MS = 1;

/** Runs guests one after the other. */
export async function runGuests(
  tests: readonly GuestTest[],
  options: GuestOptions & { readonly each?: (result: GuestResult) => void } = {},
): Promise<GuestsResult> {
  const guests: GuestResult[] = [];
  for (const test of tests) {
    if (options.signal?.aborted) break;
    const result = await runGuest(test, options);
    // A guest that Ctrl-C interrupted has no verdict.
    if (options.signal?.aborted) break;
    options.each?.(result);
    guests.push(result);
  }
  const failed = guests.filter((guest) => !passed(guest)).length;
  const interrupted = options.signal?.aborted ? { interrupted: true as const } : {};
  return { schemaVersion: 1, command: 'guests', guests, failed, ...interrupted };
}

/**
 * Runs a guest: its parts one after the other, each vCPU in a thread of its own. A failed check is a result.
 * @throws IrqError `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function runGuest(test: GuestTest, options: GuestOptions = {}): Promise<GuestResult> {
  const { vcpus, parts, expected, name } = test;
  const senders = Math.max(0, ...parts.map((part) => part.senders?.threads ?? 0));
  const start = performance.now();
  let machine = Machine.create({ ...guestConfig(vcpus, senders), fault: options.fault ?? 'none' });
  let failure: string | null = null;
  for (const part of parts) {
    part.before?.(machine);
    new Noticeboard(machine).begin();
    failure = await runPart(machine, part, options);
    if (failure !== null) break;
    machine = part.after?.(machine) ?? machine;
  }
  const notices = new Noticeboard(machine);
  const delivered = notices.delivered();
  return {
    name,
    vcpus,
    expected: sum(expected),
    delivered: sum(delivered),
    ...compareDeliveries(expected, delivered),
    spurious: notices.spurious,
    failure,
    seconds: (performance.now() - start) / 1000,
  };
}

/** Runs a part. Returns the failed check, if any. */
async function runPart(
  machine: Machine,
  part: Part,
  { patienceMs = PATIENCE_MS, signal }: GuestOptions,
): Promise<string | null> {
  const notices = new Noticeboard(machine);
  const harness = await Harness.boot(machine, castOf(part), undefined, signal);
  const giveUp = () => {
    notices.abort();
    harness.kickAll();
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    giveUp();
  }, patienceMs);
  signal?.addEventListener('abort', giveUp);
  const failures: string[] = [];
  /** Records a failed check, which ends the part. Throws all other errors. */
  const watched = async (work: Promise<unknown> | undefined) => {
    try {
      await work;
    } catch (error) {
      giveUp();
      if (!(error instanceof Error) || error.name !== 'CheckFailed') throw error;
      // The message begins with the thread's name; a check names its vCPU itself.
      const words = error.message.replace(/^vcpu\d+: /, '');
      if (words !== 'given up') failures.push(words);
    }
  };
  try {
    if (signal?.aborted) return 'given up';
    const until = (condition: () => boolean) => waitFor(condition, notices, patienceMs);
    const work = Promise.all([
      ...harness.threads.map((thread) => watched(thread.run())),
      watched(part.userspace?.(machine, notices, until)),
    ]);
    await untilAborted(harness.within('end', work, patienceMs + LEAVE_MS), signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
    giveUp();
    await (signal?.aborted ? harness.destroy() : harness.close());
  }
  return failures[0] ?? (late ? `it did not end within ${patienceMs} ms` : null);
}

async function waitFor(condition: () => boolean, notices: Noticeboard, patienceMs: number): Promise<boolean> {
  const end = performance.now() + patienceMs;
  while (!condition()) {
    if (notices.isAborted || performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return true;
}

function castOf({ program, options, senders }: Part): Cast {
  const programs = Array.from({ length: senders?.threads ?? 0 }, (_, thread) => {
    return senders ? [[`sender${thread}`, msiSenderProgram({ ...senders, thread })] as const] : [];
  });
  return {
    guest: programGuestProgram({ program, options }),
    programs: Object.fromEntries(programs.flat()),
  };
}

function compareDeliveries(expected: readonly Delivery[], delivered: readonly Delivery[]) {
  const key = ({ vcpu, intid }: Delivery) => `${vcpu} ${intid}`;
  const wanted = new Map(expected.map((delivery) => [key(delivery), delivery]));
  const got = new Map(delivered.map((delivery) => [key(delivery), delivery]));
  const wrong: GuestResult['wrong'][number][] = [];
  const counts = { missing: 0, extra: 0, unexpected: 0 };
  for (const name of new Set([...wanted.keys(), ...got.keys()])) {
    const [one, other] = [wanted.get(name), got.get(name)];
    const difference = (other?.times ?? 0) - (one?.times ?? 0);
    if (difference === 0) continue;
    const kind = difference < 0 ? 'missing' : one ? 'extra' : 'unexpected';
    counts[kind] += Math.abs(difference);
    const { vcpu, intid } = one ?? other ?? { vcpu: -1, intid: -1 };
    wrong.push({ vcpu, intid, expected: one?.times ?? 0, got: other?.times ?? 0 });
  }
  return { ...counts, wrong: wrong.slice(0, SHOWN) };
}

const sum = (deliveries: readonly Delivery[]) => deliveries.reduce((total, { times }) => total + times, 0);
