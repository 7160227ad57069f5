/** The programs of the self-test come with irqloom, so that `irqloom explore NAME` runs them too. */
export * from '../../src/races/litmus/programs.ts';
