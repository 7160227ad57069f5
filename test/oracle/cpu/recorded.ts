/**
 * QEMU's recorded answers: for each class of instructions one batch, and of each of its cases a 32-bit hash of the record
 * that the runner left, little endian. `npm run oracle -- --cpu --record` writes them.
 */
export const RECORDED_CASES = 4096;
export const RECORDED_SEED = 17;
/** From the sources, and from what is compiled of them. */
export const RECORDED = new URL(
  import.meta.url.endsWith('.ts') ? '../../data/cpu/' : '../../../../test/data/cpu/',
  import.meta.url,
);

export function fileOf(className: string): string {
  return `${className.replaceAll(' ', '-')}.hashes`;
}
