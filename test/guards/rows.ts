import type { Edit, GuardEdit } from './edit.ts';

/** An edit of the row's own guard, or of another, or several. */
export type Change = Edit | GuardEdit | readonly (Edit | GuardEdit)[];

/** A guard: code of `src` that a tag names. */
export type Row = {
  /** What the code keeps, in one sentence. */
  readonly rule: string;
  /** What a careless hand does, in few words. None where the guard is a place that the mistakes of others refer to. */
  readonly mistakes: Readonly<Record<string, Change>>;
  /** Changes that break nothing: a size, or an access, that makes the code explorable. */
  readonly variants?: Readonly<Record<string, Change>>;
};

/** By guard. */
export type Rows = Readonly<Record<string, Row>>;
