import type { PlainError } from '../../base/irq-error.ts';
import type { ScenarioSource } from '../loading/source.ts';
import type { ExploreOptions } from '../search/explore-options.ts';
import type { Progress } from '../search/progress.ts';
import type { ReplayResult } from '../telling/replay.ts';
import type { ExploreResult } from '../telling/result.ts';
import type { WhatIf, WhatIfOptions } from '../telling/what-if.ts';
import type { ConfirmedResult, LockstepReplay } from './confirm.ts';
import type { FreeOptions, FreeResult } from './free.ts';

/** The task of a search thread, as plain data. */
export type SearchTask = { readonly source: ScenarioSource } & (
  | { readonly does: 'search'; readonly options: SearchTaskOptions; readonly jobs: number }
  | { readonly does: 'confirm'; readonly options: SearchTaskOptions & { readonly runs?: number } }
  | { readonly does: 'free'; readonly options: FreeOptions }
  | { readonly does: 'what-if'; readonly token: string; readonly options: WhatIfOptions }
  | {
      readonly does: 'replay';
      readonly token: string;
      readonly steps: number;
      readonly executor: 'simulated' | 'lockstep';
    }
);

/** The options of a search that can cross to another thread. */
export type SearchTaskOptions = Omit<ExploreOptions, 'onProgress'>;

/** The answer to each kind of task. */
export type SearchAnswer = {
  readonly search: ExploreResult;
  readonly confirm: ConfirmedResult;
  readonly free: FreeResult;
  readonly replay: ReplayResult | LockstepReplay;
  readonly 'what-if': WhatIf | undefined;
};

/** A message of a search thread: its progress, and at last its answer or the error that ended the search. */
export type SearchMessage =
  | { readonly progress: Progress }
  | { readonly answer: SearchAnswer[keyof SearchAnswer] }
  | { readonly error: PlainError };
