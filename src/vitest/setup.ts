/**
 * For `setupFiles` of vitest: puts the functions into Atomics that a search can control, before any test is
 * loaded, so that `const { load } = Atomics` is controlled too. With the plugin (`irqloom/vitest/plugin`),
 * `setupFiles` has this file already.
 *
 * @module irqloom/vitest/setup
 */
import { offerAccess } from '../explore/loading/offered.ts';

offerAccess();
