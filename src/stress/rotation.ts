import { IrqError } from '../base/irq-error.ts';
import { processUse } from '../base/process-use.ts';
import type { Fault } from '../board/config.ts';
import type { Machine } from '../board/machine.ts';
import type { Workload } from '../guest/index.ts';
import { type FailedTurn, growthOf, type RotationResult, type Turn } from './rotation-result.ts';
import { commandOfTurn, drawTurn, optionsOfTurn, type TurnSettings } from './rotation-turns.ts';
import type { Plan } from './stress-plan.ts';
import { held, type StressResult } from './stress-result.ts';
import { runStress, type StressGlance, type StressWatch } from './stress-run.ts';

/** A rotation: many runs, one after the other, each on a machine of its own. */
export type RotationOptions = {
  readonly seed: number;
  /** Time for all turns, s. */
  readonly seconds: number;
  readonly fault: Fault;
  /** Whether the threads of every turn keep the last of their actions. */
  readonly trace: boolean;
  /** Makes the workload of the turns that run the recorded guest. */
  readonly recorded: () => Workload;
  /** The file of that guest, for commands that repeat a turn; left out: the guest that comes with irqloom. */
  readonly recording?: string;
};

export type RotationWatch = {
  /** Ends the rotation early; the result has the turns until then. */
  readonly signal?: AbortSignal;
  /** Called when a turn begins, several times a second while the turn runs, and when the turn has ended. */
  readonly begun?: (index: number, settings: TurnSettings) => void;
  readonly glance?: (glance: StressGlance) => void;
  readonly ended?: (turn: Turn) => void;
  /** Called in a turn whose proof failed: every vCPU sleeps, and no device signals. */
  readonly violated?: (machine: Machine, plan: Plan, command: string) => void;
  readonly traced?: StressWatch['traced'];
};

/** A shorter rest than this is not worth a turn, s. */
const SHORTEST_TURN = 0.5;

/**
 * Runs turn after turn until the time is over; ends at the first turn whose proof fails or that ends with an error. Each
 * turn has a machine of its own, so after each turn the process must hold as much as before: that is checked too.
 * Main thread. @throws Error only for a fault of irqloom itself: errors with a code are part of the result
 */
export async function runRotation(
  options: RotationOptions,
  watch: RotationWatch = {},
): Promise<RotationResult> {
  const turns: Turn[] = [];
  let failed: FailedTurn | null = null;
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  const stopped = () => watch.signal?.aborted ?? false;
  for (let index = 0; failed === null && !stopped(); index++) {
    const left = options.seconds - elapsed();
    if (left < SHORTEST_TURN && index > 0) break;
    const drawn = drawTurn(options.seed, index, options.fault);
    const settings = { ...drawn, seconds: Math.min(drawn.seconds, Math.max(SHORTEST_TURN, left)) };
    watch.begun?.(index, settings);
    try {
      const result = await runTurn(settings, options, watch);
      const turn = { ...settings, index, ...countsOf(result), use: processUse() };
      turns.push(turn);
      watch.ended?.(turn);
      if (held(result)) continue;
      failed = {
        index,
        command: commandOfTurn(settings, options.recording),
        breaches: result.rules?.breaches ?? [],
        error: null,
      };
    } catch (error) {
      if (!(error instanceof IrqError)) throw error;
      const { code, message, exitStatus: exit } = error;
      failed = {
        index,
        command: commandOfTurn(settings, options.recording),
        breaches: [],
        error: { code, message, exit },
      };
    }
  }
  return rotationResult(options, turns, failed, elapsed(), stopped());
}

/** One turn; ends at the first violation that a glance sees, so that the machine is kept near that moment. */
async function runTurn(
  settings: TurnSettings,
  { recorded, recording, trace }: RotationOptions,
  watch: RotationWatch,
): Promise<StressResult> {
  return runUntilViolation(optionsOfTurn(settings, recorded, trace), {
    ...(watch.signal ? { signal: watch.signal } : {}),
    ...(watch.glance ? { glance: watch.glance } : {}),
    ...(watch.traced ? { traced: watch.traced } : {}),
    violated: (machine, plan) => watch.violated?.(machine, plan, commandOfTurn(settings, recording)),
  });
}

/** A watch of a run that ends at the first violation. */
export type ViolationWatch = StressWatch & {
  readonly violated: (machine: Machine, plan: Plan) => void;
};

/** As {@link runStress}, and the run ends when a glance sees a violation; `violated` is called when all is at rest. */
export async function runUntilViolation(
  options: Parameters<typeof runStress>[0],
  { signal, glance, violated, ...rest }: ViolationWatch,
): Promise<StressResult> {
  const found = new AbortController();
  const result = await runStress(
    { ...options, endsAtViolation: true },
    {
      ...rest,
      signal: signal ? AbortSignal.any([signal, found.signal]) : found.signal,
      glance: (seen) => {
        if (seen.violations > 0) found.abort();
        glance?.(seen);
      },
      rested: (machine, plan, violations) => {
        if (violations > 0) violated(machine, plan);
      },
    },
  );
  return { ...result, interrupted: signal?.aborted ?? false };
}

const countsOf = ({ injected, delivered, lost, misrouted, spurious, stranded }: StressResult) => ({
  injected,
  delivered,
  lost,
  misrouted,
  spurious,
  stranded,
});

function rotationResult(
  { seed, fault }: RotationOptions,
  turns: readonly Turn[],
  failed: FailedTurn | null,
  seconds: number,
  interrupted: boolean,
): RotationResult {
  const sum = (name: 'injected' | 'delivered' | 'lost' | 'misrouted' | 'spurious' | 'stranded') =>
    turns.reduce((total, turn) => total + turn[name], 0);
  return {
    schemaVersion: 1,
    command: 'stress',
    rotation: true,
    ...{ seed, fault, seconds, interrupted },
    injected: sum('injected'),
    delivered: sum('delivered'),
    lost: sum('lost'),
    misrouted: sum('misrouted'),
    spurious: sum('spurious'),
    stranded: sum('stranded'),
    turns,
    growth: growthOf(turns.map(({ use }) => use)),
    failed,
  };
}
