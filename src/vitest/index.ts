/**
 * The explorer in vitest: `import { everyInterleaving } from 'irqloom/vitest'`; the matchers come with the import.
 *
 * @module irqloom/vitest
 */
import { expect } from 'vitest';
import type { FailureKind } from '../explore/index.ts';
import { type InterleavingOptions, matchers } from './interleavings.ts';
import './setup.ts';

expect.extend(matchers);

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: vitest's own declaration, which this one adds to, says any
  interface Matchers<T = any> {
    /** The scenario passes under every interleaving of its threads; see {@link everyInterleaving}. */
    toHoldInEveryInterleaving(options?: InterleavingOptions): T;
    /** Some interleaving fails, in that way where one is given. */
    toFailInSomeInterleaving(kind?: FailureKind, options?: InterleavingOptions): T;
  }
}

export { defineScenario, type Scenario } from '../explore/index.ts';
export { everyInterleaving, InterleavingError, type InterleavingOptions } from './interleavings.ts';
