import { expect, test } from 'vitest';
import { readGuestTrace } from '../../../src/recorded/trace/guest-trace.ts';
import {
  PACKED,
  PACKED_ICC,
  type PackedTrace,
  packTrace,
  sgi1r,
} from '../../../src/recorded/trace/packed-trace.ts';

const trace = readGuestTrace(
  new URL('../../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url).pathname,
);

/** What differs between a packed trace and the events it was made of. */
function differences(packed: PackedTrace): string[] {
  const found: string[] = [];
  trace.events.forEach((event, row) => {
    const kind = packed.kind[row];
    const cpu = packed.cpu[row];
    const a = packed.a[row] ?? -1;
    const b = packed.b[row] ?? -1;
    const same = (() => {
      switch (event.op) {
        case 'read':
        case 'write': {
          const name = `${event.op}${event.frame[0]}${event.frame.slice(1).toLowerCase()}`;
          const value = event.size === 8 ? packed.wide[b] : b;
          const kindIs = kind === PACKED[name as keyof typeof PACKED];
          return kindIs && cpu === event.cpu && a === event.offset && value === event.value;
        }
        case 'command':
          return kind === PACKED.command && 8 * a + 8 <= packed.commands.length;
        case 'lpi-config':
          return kind === PACKED.lpiConfig && a === event.lpi && b === event.value;
        case 'msi':
          return kind === PACKED.msi && a === event.deviceId && b === event.eventId;
        case 'line':
          return kind === PACKED.line && a === event.intid && b === event.level && cpu === event.cpu;
        case 'icc':
          return kind === PACKED.icc && a === PACKED_ICC[event.register] && b === event.value;
        case 'sgi':
          return kind === PACKED.sgi && packed.wide[a] === sgi1r(event) && cpu === event.cpu;
        case 'iar':
        case 'eoi':
        case 'dir':
          return kind === PACKED[event.op] && a === event.intid && cpu === event.cpu;
      }
    })();
    if (!same) found.push(`row ${row}: ${event.op}`);
  });
  return found;
}

test('a packed recording says what its events say', () => {
  const packed = packTrace(trace);
  expect(packed.count).toBe(trace.events.length);
  expect(differences(packed)).toEqual([]);
});

test('a packed recording with one number changed is found out', () => {
  for (const column of ['a', 'b', 'kind'] as const) {
    const packed = packTrace(trace);
    packed[column][100] = (packed[column][100] ?? 0) ^ 1;
    expect(differences(packed)).toHaveLength(1);
  }
});

test('commands lie as they lie in the queue', () => {
  const packed = packTrace(trace);
  // MAPC collection 0 to redistributor 0, the guest's first; MAPD of device 8 stands ninth.
  expect([...packed.commands.subarray(0, 8)]).toEqual([9, 0, 0, 0, 0, 0x8000_0000, 0, 0]);
  expect([...packed.commands.subarray(64, 72)]).toEqual([8, 8, 1, 0, 0x481b_fe00, 0x8000_0000, 0, 0]);
});

test('ICC_SGI1R has its fields where the architecture has them', () => {
  expect(sgi1r({ intid: 5, irm: 0, affinity: 0, targets: 0b101 })).toBe(0x0500_0005n);
  expect(sgi1r({ intid: 0, irm: 1, affinity: 0, targets: 0 })).toBe(1n << 40n);
  expect(sgi1r({ intid: 0, irm: 0, affinity: 0x03_02_01, targets: 0 })).toBe(0x0003_0002_0001_0000n);
});
