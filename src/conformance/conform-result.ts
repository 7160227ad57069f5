import type { AnswerComparison, Profile } from './vectors/vector-answers.ts';

/** How one vector's answers compare with what was recorded. */
export type VectorResult = AnswerComparison & {
  /** The file's name without folder and ending. */
  readonly name: string;
};

export type ConformResult = {
  readonly schemaVersion: 1;
  readonly command: 'conform';
  readonly profile: Profile;
  readonly vectors: readonly VectorResult[];
  /** Sums over all vectors. */
  readonly answers: number;
  readonly differ: number;
  readonly unsupported: number;
  readonly notRequired: number;
  /** Ctrl-C ended the run: the vectors after these were not run. */
  readonly interrupted?: true;
};
