import { defineConfig } from 'vitest/config';

const common = {
  // Worker threads start from dist, and so does the CLI: `npm test` builds it first, by its pretest script.
  globalSetup: ['test/built.ts'],
  // Tests that block in Atomics.wait must not take the runner with them: they run in processes of their own.
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 60_000,
  teardownTimeout: 10_000,
};

/** Tests of the explorer: it stands in for Atomics and others of the engine's globals, so each file has its own process. */
const EXPLORER = ['test/explore/**/*.test.ts', 'test/vitest/**/*.test.ts'];

export default defineConfig({
  test: {
    maxWorkers: 2,
    teardownTimeout: 10_000,
    projects: [
      { test: { ...common, name: 'explorer', include: EXPLORER } },
      // Each process runs many files, and loads the source once: a quarter of the time of the small files.
      {
        test: {
          ...common,
          name: 'machine',
          include: ['test/**/*.test.ts'],
          exclude: [...EXPLORER, '**/node_modules/**'],
          isolate: false,
        },
      },
    ],
  },
});
