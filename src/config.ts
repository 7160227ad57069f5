import type { Fault } from './board/config.ts';
import type { StrategyName, Timeouts } from './explore/index.ts';
import type { Fd } from './kvm/gsi.ts';
import type { Dispatch } from './kvm/irqfds.ts';
import type { Perturbation } from './memory/perturbation/timing.ts';
import type { Churn, LineMode, StressDispatch } from './stress/index.ts';
import type { DesignName } from './vmm/design.ts';

/** One value, or several of a flag that may be repeated. */
type Repeated = string | readonly string[];
/** One number, or several: `[1, 2, 4]`. */
type Numbers = number | string | readonly number[];

type OfGuest = {
  readonly guest?: string;
  readonly initrd?: string;
  readonly device?: Repeated;
  readonly symbols?: string;
};

type OfScenario = {
  readonly steps?: number;
  readonly export?: string;
  readonly plain?: 'points' | 'off';
};

/**
 * Defaults of the command line's flags, per command: what `irqloom.config.ts` exports. The names are those of the flags, in
 * camel case (`dataRaces` for `--data-races`); ranges and meanings are in `irqloom COMMAND --help`.
 */
export type Config = {
  readonly stress?: {
    readonly vcpus?: number;
    readonly devices?: number;
    readonly events?: number;
    readonly iterations?: number;
    readonly seconds?: number;
    readonly thorough?: boolean;
    readonly untilCovered?: number;
    readonly spis?: number;
    readonly lines?: LineMode;
    readonly abi?: DesignName;
    readonly churn?: Churn;
    readonly dispatch?: StressDispatch;
    readonly perturb?: Perturbation;
    readonly fault?: Fault;
    readonly recording?: string;
    readonly guest?: string;
    readonly device?: string;
    readonly shared?: number;
    readonly kernel?: string;
    readonly modules?: string;
    readonly seed?: number;
    readonly json?: boolean;
    readonly junit?: string;
    readonly report?: string;
    readonly trace?: string;
    readonly watch?: boolean;
    readonly metrics?: string;
    readonly rotate?: boolean;
    readonly keep?: string;
    readonly resume?: string;
    readonly stampAll?: boolean;
  };
  readonly boot?: {
    readonly vcpus?: number;
    readonly memory?: number | Repeated;
    readonly append?: string;
    readonly initrd?: string;
    readonly device?: Repeated;
    readonly clock?: 'virtual' | 'real';
    readonly scheduler?: 'threads' | 'controlled';
    readonly quantum?: number;
    readonly dispatch?: Dispatch;
    readonly fault?: Fault;
    readonly seed?: number;
    readonly limitInstructions?: number;
    readonly limitSeconds?: number;
    readonly console?: string;
    readonly gdb?: number;
    readonly json?: boolean;
  };
  readonly latency?: {
    readonly source?: Repeated;
    readonly dispatch?: StressDispatch;
    readonly waiting?: 'both' | 'polling' | 'parked';
    readonly vcpus?: number;
    readonly devices?: number;
    readonly samples?: number;
    readonly boots?: number;
    readonly rate?: number;
    readonly background?: 'none' | 'parked' | 'busy' | 'storming';
    readonly others?: number;
    readonly handler?: number;
    readonly seconds?: number;
    readonly baseline?: string;
    readonly tolerance?: number;
    readonly requireSteady?: boolean;
    readonly json?: boolean;
    readonly report?: string;
    readonly trace?: string;
    readonly hgrm?: string;
    readonly hdrLog?: string;
    readonly guest?: string;
    readonly device?: string;
    readonly shared?: number;
  };
  readonly scale?: {
    readonly vcpus?: Numbers;
    readonly devices?: Numbers;
    readonly lpis?: Numbers;
    readonly baseVcpus?: number;
    readonly baseDevices?: number;
    readonly baseLpis?: number;
    readonly dispatch?: Dispatch;
    readonly seconds?: number;
    readonly json?: boolean;
    readonly report?: string;
    readonly guest?: string;
    readonly device?: string;
    readonly shared?: number;
  };
  readonly compare?: {
    readonly abi?: string | readonly DesignName[];
    readonly vcpus?: number;
    readonly devices?: number;
    readonly events?: number;
    readonly seconds?: number;
    readonly json?: boolean;
    readonly report?: string;
  };
  readonly 'compare-runs'?: {
    readonly tolerance?: number;
    readonly relative?: boolean;
    readonly requireSteady?: boolean;
    readonly json?: boolean;
    readonly markdown?: boolean;
    readonly report?: string;
    readonly p99Tolerance?: number;
  };
  readonly explore?: OfGuest &
    OfScenario & {
      readonly strategy?: StrategyName | 'communication';
      readonly preemptions?: number;
      readonly delays?: number;
      readonly depth?: number;
      readonly seed?: number;
      readonly schedules?: number;
      readonly seconds?: number;
      readonly timeouts?: Timeouts;
      readonly dataRaces?: 'list' | 'fail';
      readonly shard?: string;
      readonly jobs?: number;
      readonly executor?: 'simulated' | 'lockstep' | 'free';
      readonly runs?: number;
      readonly all?: boolean;
      readonly report?: string;
      readonly save?: string;
      readonly json?: boolean;
      readonly junit?: string;
      readonly list?: boolean;
      readonly vcpus?: number;
      readonly memory?: number | Repeated;
      readonly append?: string;
      readonly from?: number | string;
      readonly limitInstructions?: number;
    };
  readonly replay?: OfGuest &
    OfScenario & {
      readonly executor?: 'simulated' | 'lockstep';
      readonly json?: boolean;
    };
  readonly races?: {
    readonly seed?: number;
    readonly seconds?: number;
    readonly runs?: number;
    readonly json?: boolean;
    readonly junit?: string;
    readonly report?: string;
  };
  readonly conform?: {
    readonly profile?: 'qemu' | 'kvm' | 'kvm:6.1' | 'kvm:6.12' | 'kvm:7.2' | 'arch';
    readonly answers?: boolean;
    readonly json?: boolean;
    readonly junit?: string;
    readonly report?: string;
  };
  readonly ioctl?: {
    readonly abi?: DesignName;
    readonly device?: 'gic' | 'its';
    readonly fd?: Fd;
    readonly memory?: string;
    readonly json?: boolean;
  };
  readonly layout?: {
    readonly vcpus?: number;
    readonly spis?: number;
    readonly devices?: number;
    readonly events?: number;
    readonly eventfds?: number;
    readonly json?: boolean;
  };
  readonly 'replay-guest'?: {
    readonly threads?: boolean;
    readonly seed?: number;
    readonly runs?: number;
    readonly saveRestoreAt?: number | readonly number[];
    readonly json?: boolean;
    readonly report?: string;
  };
  readonly init?: { readonly kind?: 'harness' | 'scenario' | 'vitest' | 'program' };
  readonly campaign?: {
    readonly jobs?: number;
    readonly redis?: string;
    readonly state?: string;
    readonly resume?: boolean;
    readonly anew?: boolean;
    readonly status?: boolean;
    readonly results?: boolean;
    readonly stop?: boolean;
    readonly serve?: string | number;
    readonly json?: boolean;
    readonly junit?: string;
    readonly markdown?: string;
  };
  readonly worker?: { readonly redis?: string; readonly jobs?: number; readonly lock?: number };
  readonly guests?: {
    readonly list?: boolean;
    readonly json?: boolean;
    readonly junit?: string;
    readonly report?: string;
  };
};

/** Gives the defaults in `irqloom.config.ts` their type: `export default defineConfig({ explore: { seconds: 10 } })`. */
export function defineConfig(config: Config): Config {
  return config;
}
