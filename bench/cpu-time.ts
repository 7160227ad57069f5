// Taken before the clock is put under control.
const { cpuUsage } = process;

/** Processor time that this process has used in its own code, ms: other work on the machine does not count. */
export function cpuMs(): number {
  return cpuUsage().user / 1000;
}
