import { untilAborted } from '../../base/until-aborted.ts';
import { store } from '../../memory/word.ts';
import type { Dispatched } from '../../threads/dispatcher.ts';
import type { Cast, Harness } from '../../threads/harness.ts';
import { Collector } from './collect.ts';
import type { Games } from './games.ts';
import { latencyDeviceProgram, latencyStormProgram } from './latency-device.ts';
import { latencyGuestProgram } from './latency-guest.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';

/** Signals of a block. Blocks of all paths alternate, so that a change of the host affects all paths. */
const BLOCK = 64;
/** The shortest block at a rate, s: long enough that a stall begins and ends within it. {@link MOST_IN_BLOCK} limits it: the rings' size. */
const BLOCK_SECONDS = 0.125;
const MOST_IN_BLOCK = 16_384;
/** The most stamps of a signal in one ring, and the most with a user's guest, whose SGIs leave stamps as well. */
const STAMPS_EACH = 5;
const STAMPS_EACH_OWN = 4 * STAMPS_EACH;

/** Options that decide the size of a block: see `LatencyOptions`. */
export type BlockOptions = {
  readonly rate: number;
  readonly devices: number;
  readonly samples: number;
  readonly boots?: number;
  readonly own?: { readonly guest?: string | undefined };
  /** Ends a block at once; the caller must then terminate the machine's threads. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Sizes of a block: the most signals of a counted block, of a block of the warm-up, and the stamps that each thread's ring must hold.
 * A small number of samples is split into smaller blocks, so that each booted machine measures one; except at a rate, at which a
 * block must be long enough for a stall.
 */
export function blockSize({ rate, devices, samples, boots = 1, own }: BlockOptions) {
  const each = own?.guest === undefined ? STAMPS_EACH : STAMPS_EACH_OWN;
  const atRate = Math.min(MOST_IN_BLOCK, Math.round(rate * BLOCK_SECONDS));
  const most = Math.min(Math.max(BLOCK, atRate), samples);
  const forAll = (signals: number) => Math.ceil(signals / devices) * devices;
  const warm = forAll(most);
  const signals = rate > 0 ? warm : forAll(Math.min(most, Math.ceil(samples / boots)));
  return { signals, warm, stamps: 2 ** Math.ceil(Math.log2(2 * each * warm + 2)) };
}

/** How much longer than intended a block or a game may take, ms. Longer than any wait of one thread for another. */
const BLOCK_BOUND_MS = 30_000;

/** Runs blocks on a machine whose threads are booted. */
export class Blocks {
  readonly #harness: Harness;
  readonly #plan: LatencyPlan;
  readonly #games: Games;
  readonly #collector: Collector;
  readonly #views: ReturnType<typeof latencyViews>;
  readonly #size: { readonly signals: number; readonly warm: number };
  readonly #intervalNs: number;
  readonly #signal: AbortSignal | undefined;

  /** @param sinceStart - ns from the start of the measurement to the machine's time 0 */
  constructor(harness: Harness, plan: LatencyPlan, games: Games, options: BlockOptions, sinceStart: number) {
    const { rate, devices, signal } = options;
    this.#signal = signal;
    this.#harness = harness;
    this.#plan = plan;
    this.#games = games;
    this.#collector = new Collector(harness.machine, plan, sinceStart);
    this.#views = latencyViews(harness.machine, plan);
    this.#size = blockSize(options);
    this.#intervalNs = rate > 0 ? Math.max(1, Math.round((1e9 * devices) / rate)) : 0;
  }

  /** Plays one round of a calibration game between vCPU 0 and device 0; all other threads rest. */
  async play(game: number, part: number): Promise<void> {
    const { machine, vcpus, programs } = this.#harness;
    const { pathAt, countAt, gameAt } = this.#views;
    store(machine.words, pathAt, this.#games.numberOf(game, part));
    store(machine.words, countAt, BLOCK);
    store(machine.words, gameAt, BLOCK);
    const pong = vcpus[0]?.run();
    pong?.catch(() => undefined);
    try {
      const ping = Promise.race([programs.get('device0')?.run(), failureOf(pong)]);
      await untilAborted(this.#harness.within('play a game', ping, BLOCK_BOUND_MS), this.#signal);
    } finally {
      machine.vcpu(0).kick();
    }
    if (this.#signal?.aborted) return;
    await this.#harness.within('leave their guests', Promise.resolve(pong));
  }

  /**
   * Runs one block: the vCPUs enter their guests, the devices signal, and the vCPUs exit.
   * @param counts - false for the warm-up
   * @returns undefined if the signal aborted first
   */
  async run(path: number, staged: boolean, counts: boolean) {
    const signals = counts ? this.#size.signals : this.#size.warm;
    const { machine } = this.#harness;
    const { source } = this.#plan.paths[path] ?? { source: 'irqfd' };
    const { pathAt, countAt, intervalAt, stopAt } = this.#views;
    const bySgi = source === 'sgi';
    if (machine.stamps) machine.stamps.on = staged;
    store(machine.words, pathAt, path);
    // The vCPU that sends SGIs sends for all devices.
    store(machine.words, countAt, bySgi ? signals : signals / this.#plan.devices);
    store(machine.words, intervalAt, bySgi ? this.#intervalNs / this.#plan.devices : this.#intervalNs);
    store(machine.words, stopAt, 0);

    const vcpus = this.#harness.vcpus.map((thread) => thread.run());
    const all = Promise.all(vcpus);
    const storm = this.#harness.programs.get('storm')?.run();
    // After one thread has failed, no code awaits the others; their later failures must not be unhandled rejections.
    for (const other of [all, storm]) other?.catch(() => undefined);
    const signalling = bySgi
      ? [vcpus[this.#plan.sender]]
      : [...this.#harness.programs].flatMap(([name, thread]) => (name === 'storm' ? [] : [thread.run()]));
    try {
      const work = Promise.race([Promise.all(signalling), failureOf(all), failureOf(storm)]);
      const intended = Math.ceil((this.#intervalNs * signals) / 1e6);
      await untilAborted(this.#harness.within('end a block', work, intended + BLOCK_BOUND_MS), this.#signal);
    } finally {
      store(machine.words, stopAt, 1);
      for (const [vcpu] of vcpus.entries()) if (vcpu !== this.#plan.sender) machine.vcpu(vcpu).kick();
    }
    if (this.#signal?.aborted) return undefined;
    await this.#harness.within('end a block', Promise.all([all, storm]));
    return this.#collector.collect(source, staged);
  }
}

/** Never resolves; rejects when `promise` does. */
function failureOf(promise: Promise<unknown> | undefined): Promise<never> {
  return Promise.resolve(promise).then(() => new Promise<never>(() => undefined));
}

export function castOf(plan: LatencyPlan, dispatched: Dispatched): Cast {
  const devices = Array.from({ length: plan.devices }, (_, device) => {
    return [`device${device}`, latencyDeviceProgram({ plan, device })] as const;
  });
  const storm = plan.stormFds.length > 0 ? { storm: latencyStormProgram(plan) } : {};
  return {
    guest: latencyGuestProgram(plan),
    programs: { ...Object.fromEntries(devices), ...storm },
    dispatched,
  };
}
