// Made from the flags of the commands: npx vitest run test/cli/config-types.test.ts -u
import type { Fd } from './kvm/gsi.ts';

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
    readonly programs?: number;
    readonly untilCovered?: number;
    readonly spis?: number;
    readonly lines?: 'irq-line' | 'resample' | 'both';
    readonly abi?: 'merged' | 'unrouted' | 'rfc' | 'direct' | 'msi-spi' | 'fixed-identity' | 'line-routed';
    readonly irqchip?: 'gicv3' | 'ioapic';
    readonly churn?: 'none' | 'light' | 'heavy';
    readonly dispatch?: 'main' | 'inline' | 'both';
    readonly perturb?: 'off' | 'uniform' | 'slow-thread' | 'windows' | 'mixed';
    readonly fault?:
      | 'none'
      | 'drop-kick'
      | 'drop-pending'
      | 'stale-route'
      | 'wrong-vcpu'
      | 'double'
      | 'lost-ack';
    readonly recording?: string;
    readonly guest?: string;
    readonly device?: string;
    readonly shared?: number;
    readonly kernel?: string;
    readonly modules?: string;
    readonly lrs?: number;
    readonly stampAll?: boolean;
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
  };
  readonly boot?: {
    readonly vcpus?: number;
    readonly memory?: number | string | readonly string[];
    readonly append?: string;
    readonly initrd?: string;
    readonly device?: string | readonly string[];
    readonly clock?: 'virtual' | 'real';
    readonly scheduler?: 'threads' | 'controlled';
    readonly quantum?: number;
    readonly dispatch?: 'main' | 'inline';
    readonly fault?:
      | 'none'
      | 'drop-kick'
      | 'drop-pending'
      | 'stale-route'
      | 'wrong-vcpu'
      | 'double'
      | 'lost-ack';
    readonly seed?: number;
    readonly limitInstructions?: number;
    readonly limitSeconds?: number;
    readonly console?: string;
    readonly gdb?: number;
    readonly json?: boolean;
  };
  readonly latency?: {
    readonly source?: string | readonly string[];
    readonly dispatch?: 'both' | 'inline' | 'main';
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
    readonly vcpus?: number | string | readonly number[];
    readonly devices?: number | string | readonly number[];
    readonly lpis?: number | string | readonly number[];
    readonly baseVcpus?: number;
    readonly baseDevices?: number;
    readonly baseLpis?: number;
    readonly dispatch?: 'main' | 'inline';
    readonly seconds?: number;
    readonly json?: boolean;
    readonly report?: string;
    readonly guest?: string;
    readonly device?: string;
    readonly shared?: number;
  };
  readonly compare?: {
    readonly abi?: string | readonly string[];
    readonly vcpus?: number;
    readonly devices?: number;
    readonly events?: number;
    readonly seconds?: number;
    readonly json?: boolean;
    readonly report?: string;
  };
  readonly 'compare-runs'?: {
    readonly tolerance?: number;
    readonly p99Tolerance?: number;
    readonly relative?: boolean;
    readonly requireSteady?: boolean;
    readonly json?: boolean;
    readonly markdown?: boolean;
    readonly report?: string;
  };
  readonly explore?: {
    readonly strategy?:
      | 'auto'
      | 'random'
      | 'pct'
      | 'pos'
      | 'urw'
      | 'surw'
      | 'dfs'
      | 'dpor'
      | 'states'
      | 'communication';
    readonly preemptions?: number;
    readonly delays?: number;
    readonly depth?: number;
    readonly seed?: number;
    readonly schedules?: number;
    readonly seconds?: number;
    readonly steps?: number;
    readonly timeouts?: 'late' | 'any' | 'never';
    readonly dataRaces?: 'list' | 'fail';
    readonly export?: string;
    readonly plain?: 'points' | 'off';
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
    readonly guest?: string;
    readonly initrd?: string;
    readonly device?: string | readonly string[];
    readonly symbols?: string;
    readonly vcpus?: number;
    readonly memory?: number | string | readonly string[];
    readonly append?: string;
    readonly from?: string;
    readonly limitInstructions?: number;
  };
  readonly replay?: {
    readonly executor?: 'simulated' | 'lockstep';
    readonly steps?: number;
    readonly export?: string;
    readonly plain?: 'points' | 'off';
    readonly json?: boolean;
    readonly guest?: string;
    readonly initrd?: string;
    readonly device?: string | readonly string[];
    readonly symbols?: string;
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
    readonly abi?: 'merged' | 'unrouted' | 'rfc' | 'direct' | 'msi-spi' | 'fixed-identity' | 'line-routed';
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
  readonly init?: {
    readonly kind?: 'harness' | 'scenario' | 'vitest' | 'program';
  };
  readonly campaign?: {
    readonly jobs?: number;
    readonly redis?: string;
    readonly state?: string;
    readonly resume?: boolean;
    readonly anew?: boolean;
    readonly status?: boolean;
    readonly results?: boolean;
    readonly stop?: boolean;
    readonly serve?: number | string;
    readonly json?: boolean;
    readonly junit?: string;
    readonly markdown?: string;
  };
  readonly worker?: {
    readonly redis?: string;
    readonly jobs?: number;
    readonly lock?: number;
  };
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
