import { types } from 'node:util';
import { dataProperties } from '../../base/data-properties.ts';
import { IrqError } from '../../base/irq-error.ts';
import { sayTime } from '../../base/plural.ts';
import { withControlledAtomics } from '../control/controlled-atomics.ts';
import { withControlledViews } from '../control/controlled-views.ts';
import { withControlledEnvironment } from '../control/environment.ts';
import { LeftBehind, withLeftBehind } from '../control/left-behind.ts';
import { putBack, replaceProperty, type Undo } from '../control/replacements.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import { Ownership } from '../memory/ownership.ts';
import { SharedMemory } from '../memory/shared-memory.ts';
import { HandedState } from './handed-state.ts';
import { Restart } from './restart.ts';
import { Simulator } from './simulator.ts';
import type { SimulatorOptions } from './simulator-options.ts';
import { ThreadRunner } from './thread-runner.ts';
import { HANG_MS, withinTime } from './watchdog.ts';

/** Everything of one scenario that is being explored in this thread. */
export type Simulation = {
  readonly scenario: CheckedScenario;
  readonly simulator: Simulator;
  readonly memory: SharedMemory;
  readonly runner: ThreadRunner;
  /** The bytes that each thread touches without Atomics. */
  readonly ownership: Ownership;
  /** The work that threads left to the event loop. */
  readonly left: LeftBehind;
  /**
   * Throws if a thread has changed plain data of the main thread's state: real threads would not share that
   * data.
   */
  checkPlainData(): void;
  /** Checks whether threads have changed modules that they share. @throws Restart if they have */
  lookAtModules(): void;
};

/**
 * Sets a scenario up, takes Atomics, clock and chance under control, and runs `body`; restores all of them
 * however `body` ends. Runs the setup twice, to check that both runs make the same state; every schedule then
 * starts from a copy of the setup's bytes.
 */
export function withSimulation<T>(
  scenario: CheckedScenario,
  seed: number,
  options: SimulatorOptions,
  body: (simulation: Simulation) => T,
): T {
  const { hangMs } = options;
  const first = setUp(scenario, seed, hangMs);
  const second = setUp(scenario, seed, hangMs);
  requireSame(scenario, first, second);
  const { state, memory } = second;
  // Refuses unavailable names before the search and not at its end.
  for (const buffer of memory.buffers) scenario.names?.(buffer, 0);
  memory.markFresh();
  if (memory.buffers.length === 0) {
    throw new IrqError(
      'ERR_SCENARIO',
      `scenario (${scenario.name}): the state has no SharedArrayBuffer, so its threads share nothing. Return typed arrays over one: new Int32Array(new SharedArrayBuffer(64))`,
    );
  }
  const plain = second.plain;
  const ownership = new Ownership(options.shared);
  for (;;) {
    const handed = new HandedState(scenario, state);
    const runner = new ThreadRunner(scenario, handed, memory, seed, ownership);
    const simulator = new Simulator(scenario, state, memory, runner, options);
    const left = new LeftBehind();
    const simulation: Simulation = {
      scenario,
      simulator,
      memory,
      runner,
      ownership,
      left,
      checkPlainData,
      lookAtModules,
    };
    try {
      return withControlledEnvironment(runner, () =>
        withControlledAtomics(runner, () =>
          withControlledViews(() => withLeftBehind(runner, left, () => body(simulation))),
        ),
      );
    } catch (error) {
      if (!(error instanceof Restart)) throw error;
      memory.restore();
      ownership.restart();
    }
  }

  function lookAtModules(): void {
    if (scenario.hasChanged()) throw new Restart();
  }

  function checkPlainData(): void {
    const now = fingerprint(state);
    if (now === plain) return;
    throw new IrqError(
      'ERR_SCENARIO',
      `scenario (${scenario.name}): a thread has changed plain data of the state (${firstDifference(plain, now)}) that it has not got as its own copy: setup's own objects are the main thread's. Keep what threads change in a SharedArrayBuffer, or use the state that the thread is given`,
    );
  }
}

/** A state, its shared memory, and its plain data as a string. */
export type SetUp = { readonly state: unknown; readonly memory: SharedMemory; readonly plain: string };

/**
 * Makes a state, with clock and chance seeded.
 * @param ms - bound of `setup`
 */
export function setUp(scenario: CheckedScenario, seed: number, ms = HANG_MS): SetUp {
  const runner = new ThreadRunner(
    scenario,
    new HandedState(scenario, undefined),
    new SharedMemory(undefined, []),
    seed,
  );
  const made: SharedArrayBuffer[] = [];
  const Native = SharedArrayBuffer;
  const Recording = new Proxy(Native, {
    construct(target, args, newTarget) {
      const buffer = Reflect.construct(target, args, newTarget);
      made.push(buffer);
      return buffer;
    },
  });
  const undo: Undo[] = [];
  const state = withControlledEnvironment(runner, () =>
    withControlledAtomics(runner, () => {
      replaceProperty(globalThis, 'SharedArrayBuffer', Recording, undo);
      try {
        return runner.runAside('setup', () => setUpInTime(scenario, ms));
      } finally {
        putBack(undo);
      }
    }),
  );
  return { state, memory: new SharedMemory(state, made, scenario.names), plain: fingerprint(state) };
}

/** A setup may work longer than a thread between two operations. */
const LEAST_SETUP_MS = 5000;

/** @throws IrqError `ERR_SCENARIO` if setup does not end */
function setUpInTime(scenario: CheckedScenario, ms: number): unknown {
  const most = Math.max(ms, LEAST_SETUP_MS);
  const made = withinTime(most, () => scenario.setup());
  if (made !== undefined) return made.value;
  throw new IrqError(
    'ERR_SCENARIO',
    `scenario (${scenario.name}): \`setup\` did not come to its end within ${sayTime(most / 1000)}`,
  );
}

function requireSame(scenario: CheckedScenario, first: SetUp, second: SetUp): void {
  const at = first.memory.differs(second.memory);
  if (at >= 0) {
    throw new IrqError(
      'ERR_SCENARIO',
      `scenario (${scenario.name}): setup gives another state each time it runs; the first difference is at ${first.memory.nameOf(at, 1)}. It may depend on nothing outside itself`,
    );
  }
  if (first.plain !== second.plain) {
    throw new IrqError(
      'ERR_SCENARIO',
      `scenario (${scenario.name}): setup gives another state each time it runs (${firstDifference(first.plain, second.plain)}). It may depend on nothing outside itself`,
    );
  }
}

/** The plain data of a state as a string, without shared memory, functions and getters. */
function fingerprint(value: unknown, path = 's', seen = new Set<unknown>()): string {
  if (typeof value === 'bigint') return `${path}=${value}n\n`;
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' ? '' : `${path}=${String(value)}\n`;
  }
  if (seen.has(value) || types.isProxy(value)) return '';
  seen.add(value);
  if (types.isAnyArrayBuffer(value)) return '';
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof SharedArrayBuffer) return '';
    return `${path}=${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}\n`;
  }
  if (types.isDate(value)) return `${path}=${Date.prototype.getTime.call(value)}\n`;
  const entries: [unknown, unknown][] = types.isMap(value)
    ? [...Map.prototype.entries.call(value)].flatMap(
        ([key, entry], i) =>
          [
            [`${i}.key`, key],
            [i, entry],
          ] as [unknown, unknown][],
      )
    : types.isSet(value)
      ? [...Set.prototype.values.call(value)].map((entry, i): [unknown, unknown] => [i, entry])
      : dataProperties(value);
  return entries.map(([key, entry]) => fingerprint(entry, `${path}.${String(key)}`, seen)).join('');
}

function firstDifference(before: string, after: string): string {
  const [was, is] = [before.trimEnd().split('\n'), after.trimEnd().split('\n')];
  const pathOf = (line: string) => line.replace(/=.*$/s, '');
  const i = was.findIndex((line, k) => line !== is[k]);
  if (i < 0) return `now also ${is[was.length]}`;
  const [old, now] = [was[i] ?? '', is[i] ?? ''];
  if (pathOf(old) === pathOf(now)) return `${old} became ${now.replace(/^[^=]*=/, '')}`;
  const isNew = now !== '' && !was.some((line) => pathOf(line) === pathOf(now));
  return isNew ? `nothing became ${now}` : `${old} became nothing`;
}
