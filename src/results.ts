/**
 * The results that the commands print with `--json`, as types. {@link Results} has all of them by the name of the command; each has a
 * name of its own as well. `irqloom/results.schema.json` is the same as a JSON Schema.
 *
 * @module results
 */
import type { BootResult } from './boot/result.ts';
import type { CampaignResult } from './campaign/result.ts';
import type { ConformResult } from './conformance/conform-result.ts';
import type { GuestsResult } from './conformance/guests/guests-result.ts';
import type { CompareResult } from './debate/debate-result.ts';
import type { ConfirmedResult } from './explore/real/confirm.ts';
import type { FreeResult } from './explore/real/free.ts';
import type { ReplayResult as ScheduleReplay } from './explore/telling/replay.ts';
import type { ExploreResult } from './explore/telling/result.ts';
import type { GuestReplay } from './guest-explore/replay-guest-token.ts';
import type { GuestExploreResult } from './guest-explore/result.ts';
import type { GuestStressResult } from './guest-stress/bare.ts';
import type { LinuxStressResult } from './guest-stress/linux.ts';
import type { RunComparison } from './measuring/compare-runs/comparison-result.ts';
import type { LatencyResult } from './measuring/latency/latency-result.ts';
import type { ScaleResult } from './measuring/scale/scale-result.ts';
import type { RaceResult } from './races/run.ts';
import type { TraceReplayResult } from './recorded/replay/replay-result.ts';
import type { IoctlReport } from './report/ioctl-text.ts';
import type { LayoutReport } from './report/layout-text.ts';
import type { ResumeResult } from './stress/resume-result.ts';
import type { RotationResult } from './stress/rotation-result.ts';
import type { StressResult } from './stress/stress-result.ts';

export type {
  BootResult,
  CampaignResult,
  CompareResult,
  ConfirmedResult,
  ConformResult,
  ExploreResult,
  FreeResult,
  GuestExploreResult,
  GuestReplay,
  GuestStressResult,
  GuestsResult,
  IoctlReport,
  LatencyResult,
  LayoutReport,
  LinuxStressResult,
  RaceResult,
  ResumeResult,
  RotationResult,
  RunComparison,
  ScaleResult,
  ScheduleReplay,
  StressResult,
  TraceReplayResult as RecordedReplay,
};

/** How each result begins. */
type Of<C extends string> = { readonly schemaVersion: 1; readonly command: C };

type Explored = ExploreResult | ConfirmedResult | FreeResult;

/**
 * What each command prints with `--json`, by the command's name. A figure that could not be measured, because the run ended before,
 * is null.
 */
export type Results = {
  readonly stress: StressResult | GuestStressResult | RotationResult | ResumeResult | LinuxStressResult;
  readonly boot: BootResult;
  readonly latency: LatencyResult & { readonly baseline?: RunComparison };
  readonly scale: ScaleResult;
  readonly compare: CompareResult & { readonly findings: readonly string[] };
  readonly 'compare-runs': RunComparison;
  readonly explore: Of<'explore'> &
    (Explored | GuestExploreResult | { readonly results: readonly (Explored & { readonly file: string })[] });
  readonly replay: Of<'replay'> &
    (
      | GuestReplay
      | (ScheduleReplay & {
          readonly executor: 'simulated' | 'lockstep';
          readonly verdict: 'fail' | 'pass' | 'unknown';
        })
    );
  readonly races: Of<'races'> & {
    readonly seed: number;
    readonly races: readonly RaceResult[];
    readonly seconds: number;
    readonly interrupted?: true;
  };
  readonly campaign: CampaignResult;
  readonly conform: ConformResult;
  readonly ioctl: IoctlReport;
  readonly layout: LayoutReport;
  readonly 'replay-guest': TraceReplayResult;
  readonly guests:
    | GuestsResult
    | (Of<'guests'> & {
        readonly guests: readonly { readonly name: string; readonly about: string }[];
      });
};
