import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Worker threads start from dist, and so does the CLI: `npm test` builds it first, by its pretest script.
    globalSetup: ['test/built.ts'],
    // Tests that block in Atomics.wait must not take the runner with them: each file has its own process.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
});
