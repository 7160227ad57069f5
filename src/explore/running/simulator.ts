import { mix } from '../../base/chance.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import type { SharedMemory } from '../memory/shared-memory.ts';
import { countThreads, nthThread, PRUNE, type RunEnd, type Strategy } from '../search/strategies/strategy.ts';
import { DataRaces } from './data-races.ts';
import { judgeEnd } from './end.ts';
import { effectOf, execute, valueAt } from './execute.ts';
import {
  ALL,
  ENDED,
  FAILED,
  LOCK,
  NOTIFY,
  Point,
  QUEUE,
  READ,
  TIMEOUT,
  type Value,
  WAIT,
} from './operation.ts';
import { Schedule } from './running-schedule.ts';
import type { SimulatorOptions } from './simulator-options.ts';
import { stillAnswered } from './spin.ts';
import type { ThreadRunner } from './thread-runner.ts';
import { Tracks } from './tracks.ts';
import { WaitQueue } from './wait-queue.ts';
import { ENDLESS, inPieces, LATER, type Piecework } from './watchdog.ts';

/**
 * Runs schedules of a scenario in this one thread. The threads' code does not run step by step. The next point of a
 * thread is remembered (see Point), so a schedule is executed from memory; then each thread's code runs once with the
 * answers of this schedule. That run checks every assumption and does everything that is no operation (assertions above
 * all). If the code disproves a remembered point, the point is corrected and the schedule repeated. Code that writes
 * shared memory without Atomics runs at each step instead.
 *
 * A step costs 25 to 40 ns while histories repeat. Otherwise, a thread runs again from its start at each unexpected
 * answer: 0.9 µs + 0.4 ns for each step of the schedule, by a random walk over a ring.
 */
export class Simulator extends Schedule implements Piecework<RunEnd | undefined> {
  readonly #scenario: CheckedScenario;
  readonly #state: unknown;
  readonly #memory: SharedMemory;
  readonly #runner: ThreadRunner;
  readonly #tracks: Tracks;
  readonly #options: SimulatorOptions;
  readonly #queue = new WaitQueue(this.pending);
  #released = 0;
  /** Under `late`: the time up to which all threads have waited, ns. */
  #now = 0;
  #live = 0;
  #woke = 0;
  #failed = -1;
  /** The thread of the last step. */
  #current = -1;
  /** The current or interrupted schedule: its strategy; whether begun; whether repeated. */
  #strategy: Strategy | undefined;
  #begun = false;
  #again = false;
  #records = false;
  /** A step is only an operation on the memory: no clock has moved, and no data races are searched for. */
  #isSimple = false;
  #pretended = 0;

  constructor(
    scenario: CheckedScenario,
    state: unknown,
    memory: SharedMemory,
    runner: ThreadRunner,
    options: SimulatorOptions,
  ) {
    const tracks = new Tracks(scenario.bodies.length, memory, runner);
    super(tracks, 2 * options.maxSteps + 1, options.timeouts === 'late');
    this.#scenario = scenario;
    this.#state = state;
    this.#memory = memory;
    this.#runner = runner;
    this.#options = options;
    this.#tracks = tracks;
    runner.timesMatter = this.late;
  }

  /** The threads' operations in this schedule, and their known continuations. */
  get tracks(): Tracks {
    return this.#tracks;
  }

  /**
   * Runs one schedule as the strategy chooses.
   * @returns its end, or undefined if the strategy has nothing left. With 'failed', `fault` gives the reason.
   */
  run(strategy: Strategy, index: number): RunEnd | undefined {
    this.index = index;
    // The same schedule again, after an interruption; see watchdog.ts.
    this.#again = this.#strategy === strategy;
    this.#strategy = strategy;
    this.#begun = false;
    const how = inPieces(this);
    this.#strategy = undefined;
    return how;
  }

  goOn(): RunEnd | undefined | typeof LATER {
    const strategy = this.#strategy as Strategy;
    for (;;) {
      if (!this.#begun) {
        this.#reset();
        if (!strategy.begin(this, this.#again)) return undefined;
        this.#pretended = strategy.pretendedWakeups ?? 0;
        this.#records = strategy.watches || this.recordAlways;
        this.#isSimple = this.races === undefined && this.#memory.copied;
        this.#start();
        this.#begun = true;
      }
      const how = this.#attempt(strategy);
      if (how === LATER) return LATER;
      this.#begun = false;
      this.#again = true;
      if (how === 'again') continue;
      this.totalSteps += this.steps;
      strategy.end(how);
      return strategy.repeats === true ? 'pruned' : how;
    }
  }

  place(): string | undefined {
    const { place } = this.#runner;
    return place === undefined || place === ENDLESS ? place : `${this.index} ${this.steps} ${place}`;
  }

  restart(): void {
    this.#runner.abandon();
    this.#begun = false;
    this.#again = true;
  }

  #reset(): void {
    this.#memory.restore();
    this.#tracks.begin();
    this.races?.begin();
    this.choiceCount = 0;
    this.steps = 0;
    this.enabled = 0;
    this.waiting = 0;
    this.watching = 0;
    this.fault = undefined;
    this.outcome = undefined;
    this.#now = 0;
    this.#released = 0;
    this.#failed = -1;
    this.#live = 0;
    this.#current = -1;
    this.#queue.clear();
  }

  #start(): void {
    this.#live = this.threads;
    for (let t = 0; t < this.threads; t++) this.#arrive(t, this.#tracks.root(t));
  }

  #attempt(strategy: Strategy): RunEnd | 'again' | typeof LATER {
    const { maxSteps } = this.#options;
    const tracks = this.#tracks;
    const everyStep = strategy.watches || strategy.everyStep;
    const chosen = strategy.follows === true ? 2 * maxSteps : maxSteps;
    let current = this.#current;
    let how: RunEnd = 'ended';
    while (this.#failed < 0 && !tracks.stop) {
      let able = this.enabled;
      if (able === 0) {
        if (this.#live === 0) break;
        if (this.late) able = this.#queue.firstDue();
        if (able === 0) {
          if (this.watching !== 0 && this.#release()) continue;
          how = 'stuck';
          break;
        }
      }
      let t: number;
      const alone = (able & (able - 1)) === 0;
      if (this.steps >= chosen) {
        this.cutShort = true;
        if (this.steps >= 2 * maxSteps) {
          how = 'limit';
          break;
        }
        t = nthThread(able, (mix(this.steps, maxSteps) >>> 0) % countThreads(able));
      } else if (alone && !everyStep) t = 31 - Math.clz32(able);
      else {
        t = strategy.choose(able, current);
        if (t === PRUNE) {
          how = 'pruned';
          break;
        }
      }
      if (!alone) this.choices[this.choiceCount++] = t;
      this.#step(t);
      current = t;
    }
    if (this.#failed < 0 && tracks.isLate()) {
      this.#current = current;
      return LATER;
    }
    if (tracks.nondeterminism !== undefined) {
      this.fault = tracks.nondeterminism;
      return 'failed';
    }
    if (tracks.again || (!tracks.direct && !tracks.verify(this.pending, this.waiting))) return 'again';
    if (this.#runner.sawPlain && this.races === undefined) {
      this.races = new DataRaces(this.threads);
      return 'again';
    }
    if (this.#failed >= 0) {
      const thread = this.#failed;
      this.fault = { kind: 'threw', thread, thrown: (this.pending[thread] as Point).thrown };
      return 'failed';
    }
    if (how !== 'ended') return how;
    how = this.#finish();
    const race = this.races?.first;
    if (how !== 'ended' || race === undefined || !this.#options.failsOnRace) return how;
    this.fault = { kind: 'data-race', race };
    return 'failed';
  }

  // speed: one function, the commonest steps first (bench explore). V8 would inline the shorter of two functions into
  // #attempt, and have no room left there for the strategy's choice.
  #step(t: number): void {
    const point = this.pending[t] as Point;
    const bit = 1 << t;
    const at = this.steps++;
    this.#woke = 0;
    if (this.#records) {
      this.stepThread[at] = t;
      this.stepPoint[at] = point;
      this.stepAwaits[at] = undefined;
    }
    if (this.#isSimple && point.op < WAIT && ((this.watching | this.waiting) & bit) === 0) {
      const answer = execute(point);
      this.#tracks.add(t, point, answer);
      this.#afterStep(t, at, point, answer);
      return;
    }
    if ((this.watching & bit) !== 0) this.#leave(t, at);
    if ((this.waiting & bit) !== 0) {
      if (this.#records) {
        this.stepPoint[at] = new Point(TIMEOUT, point.array, point.index, point.a, point.b, point.at);
        // A timeout that can come only when no thread can go on follows every other step.
        this.#note(at, this.#options.timeouts === 'any' ? QUEUE : ALL, 'timed-out');
      }
      this.races?.timeOut(t, point.at);
      if (this.late) {
        this.#now = Math.max(this.#now, point.deadline);
        this.#isSimple = false;
        this.#tracks.jump(t, point.deadline - point.clockNs);
      }
      this.#wake(t, 'timed-out');
      if (this.#failed >= 0 && this.#records) this.stepEffect[at] = ALL;
      return;
    }
    let answer: Value;
    if (point.op === WAIT) {
      answer = this.#wait(t, point);
      if (answer === undefined) {
        this.races?.step(at, t, point, READ, 0);
        if (this.#records) this.#note(at, effectOf(point, undefined), undefined);
        return;
      }
    } else if (point.op === NOTIFY) answer = this.#notify(point);
    else answer = this.#memory.copied ? execute(point) : this.#memory.execute(point);
    this.races?.step(at, t, point, effectOf(point, answer), this.#woke);
    this.#tracks.add(t, point, answer);
    // The thread had to wait while time passed.
    if (this.#now > 0 && this.#now > point.clockNs) this.#tracks.jump(t, this.#now - point.clockNs);
    this.#afterStep(t, at, point, answer);
  }

  #afterStep(t: number, at: number, point: Point, answer: Value): void {
    if (this.#records) this.#note(at, effectOf(point, answer), answer);
    this.#advance(t, point, answer);
    if (this.watching !== 0) this.#lookAgain();
    if (this.#failed >= 0 && this.#records) this.stepEffect[at] = ALL;
  }

  #note(at: number, effect: number, answer: Value): void {
    this.stepEffect[at] = effect;
    this.stepWoke[at] = this.#woke;
    this.stepAnswer[at] = answer;
  }

  #advance(t: number, point: Point, answer: Value): void {
    // Also if a thread that this step woke throws: this step is done, and its thread is at the next point.
    if (this.#tracks.again) return;
    this.#arrive(t, this.#tracks.next(t, point, answer));
  }

  #arrive(t: number, next: Point): void {
    this.pending[t] = next;
    if (next.op >= ENDED) {
      this.enabled &= ~(1 << t);
      this.#live--;
      if (next.op === FAILED && this.#failed < 0 && this.#strategy?.goesOn !== true) this.#failed = t;
    } else {
      this.enabled |= 1 << t;
      if (next.mayHold) this.#watch(t, next);
    }
  }

  /** The thread has come to a point at which the thread may have to wait for a change. */
  #watch(t: number, next: Point): void {
    const period = next.op === LOCK ? 0 : this.#tracks.findLoop(t, next);
    if (period === 0 && next.op !== LOCK) return;
    this.loops[t] = period;
    this.watching |= 1 << t;
    if (this.#held(t, next)) this.enabled &= ~(1 << t);
  }

  #leave(t: number, at: number): void {
    if (this.#records) this.stepAwaits[at] = this.loopAt(t);
    const period = this.loopOf(t);
    if (period > 0) this.#tracks.idleRounds.leave(t, this.done[t] as number, period);
    this.watching &= ~(1 << t);
  }

  /** Whether a thread at a lock or in a waiting loop must stay there. */
  #held(t: number, point: Point): boolean {
    if (point.op === LOCK) return valueAt(point) !== 0;
    if ((this.#released & (1 << t)) !== 0) return false;
    return stillAnswered(
      this.paths[t] as Point[],
      this.answers[t] as Value[],
      this.done[t] as number,
      this.loops[t] as number,
    );
  }

  #lookAgain(): void {
    for (let rest = this.watching; rest !== 0; rest &= rest - 1) {
      const t = 31 - Math.clz32(rest & -rest);
      if (this.#held(t, this.pending[t] as Point)) this.enabled &= ~(1 << t);
      else this.enabled |= 1 << t;
    }
  }

  /** No thread can go on: releases a thread from a loop that would end by itself after all. */
  #release(): boolean {
    for (let rest = this.watching; rest !== 0; rest &= rest - 1) {
      const t = 31 - Math.clz32(rest & -rest);
      const period = this.loops[t] as number;
      if (period === 0 || this.#tracks.staysInLoop(t, period)) continue;
      this.#released |= 1 << t;
      this.enabled |= 1 << t;
      return true;
    }
    return false;
  }

  #wait(t: number, point: Point): Value {
    if (valueAt(point) !== point.a) return 'not-equal';
    if (point.b === 0) return 'timed-out';
    if (this.#pretended > 0) {
      this.#pretended--;
      return 'ok';
    }
    this.#tracks.add(t, point, undefined);
    this.#queue.add(t);
    this.waiting |= 1 << t;
    this.#tracks.asleep = true;
    if (this.#options.timeouts !== 'any' || point.b === undefined) this.enabled &= ~(1 << t);
    return undefined;
  }

  #notify(point: Point): number {
    if (this.waiting === 0) return 0;
    const most = point.a === undefined ? Infinity : (point.a as number);
    const woken = this.#queue.at(point.at, most);
    const now = Math.max(this.#now, point.clockNs);
    for (const t of woken) {
      this.#woke |= 1 << t;
      // The thread wakes at the notify, for any state of its own clock.
      if (this.late) this.#tracks.jump(t, now - (this.pending[t] as Point).clockNs);
      this.#wake(t, 'ok');
    }
    return woken.length;
  }

  #wake(t: number, answer: Value): void {
    this.#queue.remove(t);
    this.waiting &= ~(1 << t);
    this.#tracks.asleep = this.waiting !== 0;
    this.#tracks.amend(t, answer);
    this.#advance(t, this.pending[t] as Point, answer);
  }

  #finish(): RunEnd {
    if (this.#strategy?.goesOn === true && this.pending.some(({ op }) => op === FAILED)) return 'failed';
    ({ fault: this.fault, outcome: this.outcome } = judgeEnd(this.#scenario, this.#state, this.#runner));
    return this.fault === undefined ? 'ended' : 'failed';
  }
}
