import type { AnswerComparison, Profile } from './vectors/vector-answers.ts';

/** The comparison of one vector's answers with the recorded answers. */
export type VectorResult = AnswerComparison & {
  /** The file's name without folder and extension. */
  readonly name: string;
};

export type ConformResult = {
  readonly schemaVersion: 1;
  readonly command: 'conform';
  readonly profile: Profile;
  readonly vectors: readonly VectorResult[];
  /** Sum over all vectors, as `differ` and `unsupported`. */
  readonly answers: number;
  readonly differ: number;
  readonly unsupported: number;
  readonly notRequired: number;
  /** Ctrl-C ended the run: vectors that are not listed did not run. */
  readonly interrupted?: true;
};
