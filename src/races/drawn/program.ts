import type { VcpuId } from '../../arch/intid.ts';
import { Chance } from '../../base/chance.ts';
import type { Dispatch } from '../../kvm/irqfds.ts';

/** A call of a thread about a source: `to` is the vCPU that the source moves to, or the pair that the call is about. */
export type Call = { readonly name: CallName; readonly source: number; readonly to: number };

/**
 * The calls of a device; of the guest's driver; of the VMM. A call listed more than once is drawn more often.
 */
const DEVICE_CALLS = ['signal'] as const;
const GUEST_CALLS = [
  'move',
  'move',
  'mask',
  'remap',
  'remap',
  'remap',
  'remap',
  'remap',
  'raise',
  'invalidate',
  'prioritise',
  'toggle',
  'retarget',
] as const;
const VMM_CALLS = ['reroute', 'reroute', 'reroute', 'reassign', 'reassign', 'message'] as const;
export type CallName =
  | (typeof DEVICE_CALLS)[number]
  | (typeof GUEST_CALLS)[number]
  | (typeof VMM_CALLS)[number];

/** How a vCPU takes its interrupts: so many, without a wait; or all that come, asleep between them. */
export type Taking = { readonly vcpu: VcpuId; readonly most: number | 'all' };

/** One thread of a drawn program. */
export type DrawnThread = { readonly name: string } & (
  | { readonly role: 'vcpu'; readonly taking: Taking }
  | { readonly role: 'main' }
  | { readonly role: 'device' | 'guest' | 'vmm'; readonly calls: readonly Call[] }
);

/** A program of a few threads on the smallest machine. Plain data, a function of the seed. */
export type Program = {
  readonly seed: number;
  readonly vcpus: number;
  readonly dispatch: Dispatch;
  /** Whether the ITS has the translations of all events in its cache at the beginning. */
  readonly isCached: boolean;
  /** Sources that are signalled, and taken, one after the other before the threads start: lists and caches have seen them. */
  readonly history: readonly number[];
  /** Sources that are signalled before the threads start, and wait for their vCPU. */
  readonly before: readonly number[];
  readonly threads: readonly DrawnThread[];
};

/** Message sources, a wired edge, a wired level that is resampled. */
export const MESSAGES = 2;
export const EDGE_SOURCE = 2;
export const LEVEL_SOURCE = 3;
export const SOURCES = 4;

/** Whether a call may lose signals that came before its return. */
export const isLossy = ({ name }: Call): boolean => name === 'remap';

/** Draws a program. @param seed - a whole number from 1 */
export function drawProgram(seed: number): Program {
  const chance = new Chance(seed);
  chance.begin(0);
  return new Draw(chance, seed).program();
}

class Draw {
  readonly #chance: Chance;
  readonly #seed: number;
  /** Sources of this program: few, so that threads meet at one. */
  readonly #sources: readonly number[];
  readonly #vcpus: number;

  constructor(chance: Chance, seed: number) {
    this.#chance = chance;
    this.#seed = seed;
    const first = this.#below(5) < 4 ? this.#below(MESSAGES) : EDGE_SOURCE + this.#below(2);
    const other = this.#below(SOURCES);
    this.#sources = this.#below(4) === 0 && other !== first ? [first, other] : [first];
    this.#vcpus = this.#below(3) === 0 ? 1 : 2;
  }

  program(): Program {
    const draw = this.#below(12);
    if (draw < 5) return this.#duel();
    return draw < 7 ? this.#crowd() : this.#any();
  }

  /** Three devices, each with a source of its own, beside the thread that takes their interrupts. */
  #crowd(): Program {
    const dispatch = this.#below(2) === 0 ? 'inline' : 'main';
    const last = this.#below(SOURCES);
    const others = Array.from({ length: SOURCES }, (_, source) => source).filter((source) => source !== last);
    const devices = others.map((source, device): DrawnThread => {
      return { name: `device${device}`, role: 'device', calls: [{ name: 'signal', source, to: 0 }] };
    });
    const third: DrawnThread[] =
      dispatch === 'main' ? [{ name: 'main', role: 'main' }] : this.#takers(false).slice(0, 1);
    return {
      seed: this.#seed,
      vcpus: this.#vcpus,
      dispatch,
      isCached: true,
      history: this.#below(2) === 0 ? [...others, last, last] : [last, last],
      before: this.#below(2) === 0 ? [last] : [],
      threads: [...third, ...devices],
    };
  }

  /** A device and one change, of one source; and the thread that they leave their work to, or a vCPU. */
  #duel(): Program {
    const dispatch = this.#below(2) === 0 ? 'inline' : 'main';
    const [source = 0] = this.#sources;
    const role = this.#below(2) === 0 ? 'guest' : 'vmm';
    const calls = this.#calls(role === 'guest' ? GUEST_CALLS : VMM_CALLS, [source]).slice(0, 1);
    const device: DrawnThread = {
      name: 'device0',
      role: 'device',
      calls: [{ name: 'signal', source, to: 0 }],
    };
    const changer: DrawnThread[] = calls.length > 0 ? [{ name: role, role, calls }] : [];
    const third: DrawnThread[] =
      dispatch === 'main' ? [{ name: 'main', role: 'main' }] : this.#takers(false).slice(0, 1);
    return {
      seed: this.#seed,
      vcpus: this.#vcpus,
      dispatch,
      isCached: this.#below(2) === 0,
      history: new Array<number>(this.#below(3)).fill(source),
      before: this.#below(4) === 0 ? [source] : [],
      threads: [...third, device, ...changer],
    };
  }

  #any(): Program {
    const dispatch = this.#below(2) === 0 ? 'inline' : 'main';
    const changers = this.#changers();
    const devices = this.#devices(changers.length);
    const history = this.#history();
    const before = this.#sources.filter(() => this.#below(3) === 0);
    const takesAll = this.#mayTakeAll(changers) && this.#below(2) === 0;
    const takers = this.#takers(takesAll);
    // Inline devices leave to the main thread the signals that no cache translates.
    const serves = this.#below(4) < (dispatch === 'main' ? 3 : 1) || takesAll;
    const main: DrawnThread[] = serves ? [{ name: 'main', role: 'main' }] : [];
    return {
      seed: this.#seed,
      vcpus: this.#vcpus,
      dispatch,
      isCached: this.#below(2) === 0,
      history,
      before,
      threads: [...main, ...takers, ...devices, ...changers.map((thread) => apart(thread, changers))],
    };
  }

  /** Mostly those of the program, one of them often twice in a row; now and then every source. */
  #history(): number[] {
    const draw = this.#below(4);
    if (draw === 0) return [];
    if (draw === 1) return Array.from({ length: SOURCES }, (_, source) => source);
    const source = this.#sources[0] ?? 0;
    return Array.from({ length: 1 + this.#below(3) }, () => source);
  }

  /** vCPUs that take all that comes end when every signal has been seen: nothing may be lost, or be signalled anew. */
  #mayTakeAll(changers: readonly DrawnThread[]): boolean {
    if (this.#sources.includes(LEVEL_SOURCE)) return false;
    return changers.every((thread) => !('calls' in thread) || !thread.calls.some(isLossy));
  }

  #takers(takesAll: boolean): DrawnThread[] {
    const taker = (vcpu: VcpuId): DrawnThread => ({
      name: `vcpu${vcpu}`,
      role: 'vcpu',
      taking: { vcpu, most: takesAll ? 'all' : 1 + this.#below(2) },
    });
    const all = Array.from({ length: this.#vcpus }, (_, vcpu) => taker(vcpu));
    return takesAll ? all : all.filter(() => this.#below(3) > 0);
  }

  #devices(changers: number): DrawnThread[] {
    const count = changers < 2 && this.#below(4) === 0 ? 2 : 1;
    return Array.from({ length: count }, (_, device) => ({
      name: `device${device}`,
      role: 'device',
      calls: this.#calls(DEVICE_CALLS),
    }));
  }

  #changers(): DrawnThread[] {
    const draw = this.#below(8);
    const guest = (): DrawnThread => ({
      name: 'guest',
      role: 'guest',
      calls: this.#calls(GUEST_CALLS),
    });
    const vmm = (): DrawnThread => ({
      name: 'vmm',
      role: 'vmm',
      calls: this.#calls(VMM_CALLS),
    });
    if (draw === 0) return [];
    const drawn = draw < 4 ? [guest()] : draw < 7 ? [vmm()] : [guest(), vmm()];
    return drawn.filter((thread) => !('calls' in thread) || thread.calls.length > 0);
  }

  /** One call, or two. A source that no call fits has none. */
  #calls(names: readonly CallName[], sources = this.#sources): Call[] {
    const count = 1 + this.#below(2);
    /** By source, as far as these calls have moved the source: its vCPU, and its pair. */
    const vcpus = new Map<number, number>();
    const pairs = new Map<number, number>();
    const turn = (places: Map<number, number>, source: number) => {
      const to = 1 - (places.get(source) ?? 0);
      places.set(source, to);
      return to;
    };
    return Array.from({ length: count }, (): Call[] => {
      const source = sources[this.#below(sources.length)] ?? 0;
      const fitting = names.filter((name) => fits(name, source) && (this.#vcpus > 1 || !MOVES.has(name)));
      const name = fitting[this.#below(fitting.length)];
      if (name === undefined) return [];
      if (MOVES.has(name)) return [{ name, source, to: turn(vcpus, source) }];
      if (name === 'reroute') return [{ name, source, to: turn(pairs, source) }];
      if (name === 'prioritise') return [{ name, source, to: this.#below(2) }];
      // Mostly the pair that the source has.
      return [{ name, source, to: NAMING.has(name) && this.#below(4) === 0 ? 1 : 0 }];
    }).flat();
  }

  #below(n: number): number {
    return this.#chance.below(n);
  }
}

/** Calls that signal by an event of their own, or give its LPI up: not of a source that another call routes anew, or takes its irqfd from. */
const NAMING: ReadonlySet<CallName> = new Set(['raise', 'remap', 'message']);

/** Calls that take a source to another vCPU. */
const MOVES: ReadonlySet<CallName> = new Set(['move', 'retarget']);

/** The thread with calls that can be judged beside those of the other threads. */
function apart(thread: DrawnThread, changers: readonly DrawnThread[]): DrawnThread {
  if (thread.role !== 'guest' && thread.role !== 'vmm') return thread;
  const unhooked = new Set(
    changers
      .flatMap((each) => ('calls' in each ? each.calls : []))
      .flatMap(({ name, source }) => (name === 'reroute' || name === 'reassign' ? [source] : [])),
  );
  const calls = thread.calls.map((call): Call => {
    if (!NAMING.has(call.name) || !unhooked.has(call.source)) return call;
    const ofGuest = call.source < MESSAGES ? 'invalidate' : 'toggle';
    return { ...call, name: thread.role === 'guest' ? ofGuest : 'reassign' };
  });
  return { ...thread, calls };
}

/** Whether a call is of use to a source. The priority of an active interrupt is not to be changed, and LPIs have no active state. */
function fits(name: CallName, source: number): boolean {
  if (name === 'signal') return true;
  if (name === 'reassign' || name === 'raise') return source !== LEVEL_SOURCE;
  return name === 'toggle' || name === 'retarget' ? source >= MESSAGES : source < MESSAGES;
}

/** The program in words, a thread a line. */
export function describe({ vcpus, dispatch, isCached, history, before, threads }: Program): string {
  const head = `${vcpus} vCPU${vcpus === 1 ? '' : 's'}, dispatch ${dispatch}, translations ${isCached ? '' : 'not '}cached`;
  const list = (title: string, sources: readonly number[]) =>
    sources.length === 0 ? [] : [`${title}: ${sources.join(' ')}`];
  const signalled = [...list('signalled and taken before', history), ...list('pending before', before)];
  const lines = threads.map((thread) => `${thread.name}: ${doingOf(thread)}`);
  return [head, ...signalled, ...lines].join('\n');
}

function doingOf(thread: DrawnThread): string {
  if (thread.role === 'main') return 'serves the signals left to the main thread';
  if (thread.role === 'vcpu')
    return `takes ${thread.taking.most === 'all' ? 'all' : `up to ${thread.taking.most}`}`;
  return thread.calls.map(({ name, source, to }) => `${name}(${source}, ${to})`).join(' ');
}
