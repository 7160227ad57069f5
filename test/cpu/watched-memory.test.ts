import { expect, test } from 'vitest';
import { WatchedMemory } from '../../src/cpu/index.ts';
import { at, Bare, NOP, RAM_BYTES } from './bare.ts';

/** `str x1,[x2]`, `nop`, `ldr x3,[x2,#8]`, `nop`, `b .-16`. */
const PROGRAM = [0xf900_0041, NOP, 0xf940_0443, NOP, 0x17ff_fffc];
const PLACE = 0x10_0000;

function machine() {
  const bare = new Bare(1, {}, true);
  bare.write(0, PROGRAM);
  bare.core.setX(2, at(PLACE));
  return { bare, watched: new WatchedMemory(bare.ram.buffer, bare.watchAt, RAM_BYTES) };
}

test('a run ends after an instruction that accesses a watched granule, and reports address and direction', () => {
  const { bare, watched } = machine();
  watched.add(PLACE);
  watched.add(PLACE + 8);
  bare.core.restored();
  expect(bare.core.run(1000)).toBe('stop');
  expect(bare.core.pc).toBe(at(4));
  expect(bare.core.takeSeen()).toEqual([PLACE + 1]);
  expect(bare.core.run(1000)).toBe('stop');
  expect(bare.core.pc).toBe(at(12));
  expect(bare.core.takeSeen()).toEqual([PLACE + 8]);
  expect(bare.core.instructions).toBe(3n);
});

test('accesses to other granules of the page, and to a granule no longer watched, end no run', () => {
  const { bare, watched } = machine();
  watched.add(PLACE + 64);
  bare.core.restored();
  expect(bare.core.run(1000)).toBe('limit');
  watched.everything();
  bare.core.restored();
  expect(bare.core.run(1000)).toBe('stop');
  bare.core.takeSeen();
  watched.none();
  bare.core.restored();
  expect(bare.core.run(1000)).toBe('limit');
  expect(bare.core.hasSeen).toBe(false);
});
