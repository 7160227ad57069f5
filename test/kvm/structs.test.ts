import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IrqError } from '../../src/base/irq-error.ts';
import type { RoutingEntry } from '../../src/kvm-abi/routing-entry.ts';
import { applyIoctl } from '../../src/kvm-abi/structs/apply.ts';
import * as codec from '../../src/kvm-abi/structs/codec.ts';
import { explainIoctl } from '../../src/kvm-abi/structs/explain.ts';
import { formatHex, parseHex } from '../../src/kvm-abi/structs/hex.ts';
import { findIoctl, IOCTLS } from '../../src/kvm-abi/structs/ioctls.ts';
import { DOORBELL, emptyVm, enableSpi, expectErrno, mapMsi, readyVm, takeAll } from './vm-rig.ts';

const u32 = fc.nat({ max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const address = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const entry: fc.Arbitrary<RoutingEntry> = fc.oneof(
  fc.record({ gsi: u32, type: fc.constant(1), flags: u32, irqchip: u32, pin: u32 }),
  fc.record({ gsi: u32, type: fc.constantFrom(0, 2, 3, 4, 5), flags: u32, address, data: u32, devid: u32 }),
);

describe('a struct is the same after its bytes', () => {
  const structs = [
    ['kvm_irq_level', fc.record({ irq: u32, level: u32 }), codec.encodeIrqLevel, codec.decodeIrqLevel, 8],
    [
      'kvm_irqfd',
      fc.record({ fd: u32, gsi: u32, flags: u32, resamplefd: u32 }),
      codec.encodeIrqFd,
      codec.decodeIrqFd,
      32,
    ],
    [
      'kvm_msi',
      fc.record({ address, data: u32, flags: u32, deviceId: u32 }),
      codec.encodeMsi,
      codec.decodeMsi,
      32,
    ],
    [
      'kvm_ioeventfd',
      fc.record({ datamatch: u64, addr: u64, len: u32, fd: fc.integer(), flags: u32 }),
      codec.encodeIoEventFd,
      codec.decodeIoEventFd,
      64,
    ],
    [
      'kvm_create_device',
      fc.record({ type: u32, flags: u32 }),
      codec.encodeCreateDevice,
      codec.decodeCreateDevice,
      12,
    ],
    [
      'kvm_device_attr',
      fc.record({ flags: u32, group: u32, attr: u64, addr: u64 }),
      codec.encodeDeviceAttr,
      codec.decodeDeviceAttr,
      24,
    ],
  ] as const;

  test.each(structs)('%s', (_, arbitrary, encode, decode, size) => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<never>, fc.uint8Array({ maxLength: 8 }), (value, more) => {
        const bytes = encode(value);
        expect(bytes).toHaveLength(size);
        expect(decode(Uint8Array.from([...bytes, ...more]))).toEqual(value);
        expect(() => decode(bytes.subarray(0, size - 1))).toThrow(/EFAULT/);
      }),
    );
  });

  test('kvm_irq_routing', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        const bytes = codec.encodeRouting({ flags: 0, entries });
        expect(bytes).toHaveLength(8 + 48 * entries.length);
        expect(codec.decodeRouting(bytes)).toEqual({ flags: 0, entries });
        if (entries.length > 0) expect(() => codec.decodeRouting(bytes.subarray(0, -1))).toThrow(/EFAULT/);
      }),
    );
  });

  test('with the DeviceID of "direct" in the padding of kvm_irqfd', () => {
    const irqfd = { fd: 1, gsi: 2, flags: 0, resamplefd: 0, devid: 77 };
    expect(codec.decodeIrqFd(codec.encodeIrqFd(irqfd), true)).toEqual(irqfd);
    expect(codec.decodeIrqFd(codec.encodeIrqFd(irqfd))).not.toHaveProperty('devid');
  });
});

test('the bytes are where linux/kvm.h has them', () => {
  const route = { gsi: 0x101, type: 2, flags: 1, address: 0x1_0808_0040, data: 7, devid: 0x21 };
  expect(formatHex(codec.encodeRouting({ flags: 0, entries: [route] }))).toBe(
    [
      '01 00 00 00 00 00 00 00',
      '01 01 00 00 02 00 00 00 01 00 00 00 00 00 00 00',
      '40 00 08 08 01 00 00 00 07 00 00 00 21 00 00 00',
      '00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
    ].join(' '),
  );
});

test.each([
  ['KVM_CHECK_EXTENSION', 0xae03],
  ['KVM_CREATE_IRQCHIP', 0xae60],
  ['KVM_IRQ_LINE', 0x4008_ae61],
  ['KVM_IRQ_LINE_STATUS', 0xc008_ae67],
  ['KVM_SET_GSI_ROUTING', 0x4008_ae6a],
  ['KVM_IRQFD', 0x4020_ae76],
  ['KVM_IOEVENTFD', 0x4040_ae79],
  ['KVM_SIGNAL_MSI', 0x4020_aea5],
  ['KVM_CREATE_DEVICE', 0xc00c_aee0],
  ['KVM_SET_DEVICE_ATTR', 0x4018_aee1],
  ['KVM_GET_DEVICE_ATTR', 0x4018_aee2],
  ['KVM_HAS_DEVICE_ATTR', 0x4018_aee3],
])('%s is 0x%x', (name, number) => {
  expect(findIoctl(name).number).toBe(number);
  expect(findIoctl(number).name).toBe(name);
});

test('ENOTTY for an ioctl that is not one of them', () => {
  expectErrno('ENOTTY', 'KVM_RUN', () => findIoctl('KVM_RUN'));
  expectErrno('ENOTTY', '0xae80', () => applyIoctl(emptyVm(), 0xae80, new Uint8Array()));
  expect(IOCTLS).toHaveLength(12);
});

describe('applied to a VM', () => {
  const apply = (name: string, bytes: Uint8Array) => () => applyIoctl(readyVm().vm, name, bytes);

  test('too few bytes are EFAULT, and more are not looked at', () => {
    for (const { name, struct } of IOCTLS) {
      if (!struct) continue;
      expectErrno('EFAULT', name, apply(name, new Uint8Array(struct.bytes - 1)));
      expectErrno('EFAULT', name, apply(name, new Uint8Array()));
    }
    const { vm } = readyVm();
    const irqfd = codec.encodeIrqFd({ fd: vm.eventfd(), gsi: 0, flags: 0, resamplefd: 0 });
    expect(applyIoctl(vm, 'KVM_IRQFD', Uint8Array.from([...irqfd, 1, 2, 3])).value).toBe(0);
  });

  test('junk in padding changes nothing; an unknown flag is EINVAL', () => {
    const { vm } = readyVm();
    const good = codec.encodeIrqFd({ fd: vm.eventfd(), gsi: 0, flags: 0, resamplefd: 0 });
    good.fill(0xff, 16);
    applyIoctl(vm, 'KVM_IRQFD', good);
    const bad = codec.encodeIrqFd({ fd: vm.eventfd(), gsi: 0, flags: 8, resamplefd: 0 });
    expectErrno('EINVAL', 'KVM_IRQFD', () => applyIoctl(vm, 'KVM_IRQFD', bad));
    const table = codec.encodeRouting({
      flags: 0,
      entries: [{ gsi: 1, type: 1, flags: 0, irqchip: 0, pin: 5 }],
    });
    table.fill(0xff, 8 + 12, 8 + 16);
    table.fill(0xff, 8 + 24);
    applyIoctl(vm, 'KVM_SET_GSI_ROUTING', table);
    expect(vm.vm.routing.entries()).toHaveLength(1);
  });

  test('4,097 routes are EINVAL though there are no bytes for them; 4,096 of them are EFAULT', () => {
    const header = (nr: number, flags = 0) =>
      Uint8Array.from(new Uint8Array(Uint32Array.of(nr, flags).buffer));
    expectErrno('EINVAL', 'KVM_SET_GSI_ROUTING', apply('KVM_SET_GSI_ROUTING', header(4097)));
    expectErrno('EINVAL', 'KVM_SET_GSI_ROUTING', apply('KVM_SET_GSI_ROUTING', header(0xffff_ffff)));
    expectErrno('EINVAL', 'KVM_SET_GSI_ROUTING', apply('KVM_SET_GSI_ROUTING', header(4096, 1)));
    expectErrno('EFAULT', 'KVM_SET_GSI_ROUTING', apply('KVM_SET_GSI_ROUTING', header(4096)));
    expect(apply('KVM_SET_GSI_ROUTING', header(0))().value).toBe(0);
  });

  test('a duplicate GSI is EINVAL', () => {
    const pin = { gsi: 1, type: 1, flags: 0, irqchip: 0, pin: 5 };
    const bytes = codec.encodeRouting({ flags: 0, entries: [pin, pin] });
    expectErrno('EINVAL', 'KVM_SET_GSI_ROUTING', apply('KVM_SET_GSI_ROUTING', bytes));
  });

  test('a whole VM, from bytes alone', () => {
    const vm = emptyVm();
    const create = applyIoctl(vm, 'KVM_CREATE_DEVICE', codec.encodeCreateDevice({ type: 7, flags: 0 }));
    const fd = new DataView(create.bytes.buffer).getUint32(4, true);
    const attr = (group: number, number: bigint, addr = 0n) =>
      codec.encodeDeviceAttr({ flags: 0xffff_ffff, group, attr: number, addr });
    const memory = (at: bigint) => (at === 0x1000n ? Uint8Array.of(64, 0, 0, 0) : undefined);
    applyIoctl(vm, 'KVM_SET_DEVICE_ATTR', attr(3, 0n, 0x1000n), { fd, memory });
    expectErrno('EFAULT', 'KVM_SET_DEVICE_ATTR', () =>
      applyIoctl(vm, 'KVM_SET_DEVICE_ATTR', attr(3, 0n, 0x2000n), { fd, memory }),
    );
    applyIoctl(vm, 'KVM_HAS_DEVICE_ATTR', attr(4, 0n), { fd });
    applyIoctl(vm, 'KVM_SET_DEVICE_ATTR', attr(4, 0n), { fd });
    expect(applyIoctl(vm, 'KVM_GET_DEVICE_ATTR', attr(3, 0n, 0x1000n), { fd, memory }).read).toBe(64n);
    expect(applyIoctl(vm, 'KVM_CHECK_EXTENSION', new Uint8Array(), { value: 25 }).value).toBe(4096);
    const line = codec.encodeIrqLevel({ irq: 0x0100_0028, level: 1 });
    expect(applyIoctl(vm, 'KVM_IRQ_LINE', line).value).toBe(0);
    expect(applyIoctl(vm, 'KVM_IRQ_LINE_STATUS', line).bytes).toEqual(line);
    expectErrno('ENODEV', 'KVM_CREATE_DEVICE', () => applyIoctl(vm, 'KVM_CREATE_IRQCHIP', new Uint8Array()));
  });

  test('KVM_SIGNAL_MSI returns whether it was delivered, KVM_IOEVENTFD nothing', () => {
    const ready = readyVm();
    mapMsi(ready, 5, 3, 8200);
    const msi = { address: DOORBELL, data: 3, flags: 1, deviceId: 5 };
    expect(applyIoctl(ready.vm, 'KVM_SIGNAL_MSI', codec.encodeMsi(msi)).value).toBe(1);
    expect(applyIoctl(ready.vm, 'KVM_SIGNAL_MSI', codec.encodeMsi({ ...msi, data: 9 })).value).toBe(0);
    expect(takeAll(ready.vm)).toEqual([8200]);
    const bell = { datamatch: 0n, addr: 0x1000n, len: 4, fd: ready.vm.eventfd(), flags: 0 };
    expect(applyIoctl(ready.vm, 'KVM_IOEVENTFD', codec.encodeIoEventFd(bell)).value).toBe(0);
  });

  test('"direct" reads the DeviceID from the padding', () => {
    const ready = readyVm({ design: 'direct' });
    mapMsi(ready, 5, 3, 8200);
    const fd = ready.vm.eventfd();
    applyIoctl(ready.vm, 'KVM_IRQFD', codec.encodeIrqFd({ fd, gsi: 3, flags: 0, resamplefd: 0, devid: 5 }));
    ready.vm.write(fd);
    ready.vm.vm.irqfds.dispatchPending();
    expect(takeAll(ready.vm)).toEqual([8200]);
  });

  test('whatever the bytes, KVM answers with an errno or does it: nothing else is ever thrown', () => {
    const { vm } = readyVm();
    enableSpi(vm, 40);
    fc.assert(
      fc.property(
        fc.constantFrom(...IOCTLS),
        fc.uint8Array({ maxLength: 160, size: 'max' }),
        ({ name }, bytes) => {
          try {
            applyIoctl(vm, name, bytes, { value: bytes[0] ?? 0, fd: bytes[1] ?? 0 });
          } catch (error) {
            expect(error).toMatchObject({ code: 'ERR_KVM' });
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('explained', () => {
  test('every field by its name in C, with what it means', () => {
    const bytes = codec.encodeIrqLevel({ irq: 0x1212_001b, level: 3 });
    expect(explainIoctl('KVM_IRQ_LINE', bytes).fields).toEqual([
      { name: 'irq', at: 0, bytes: 4, value: 0x1212_001bn, means: 'PPI, vCPU 274, INTID 27' },
      { name: 'level', at: 4, bytes: 4, value: 3n, means: 'high' },
    ]);
    const entries = [
      { gsi: 7, type: 1, flags: 0, irqchip: 0, pin: 3 },
      { gsi: 300, type: 2, flags: 5, address: DOORBELL, data: 9, devid: 0x21 },
    ];
    const table = explainIoctl(0x4008_ae6a, codec.encodeRouting({ flags: 0, entries }));
    expect(table.notes).toEqual([]);
    const meaning = Object.fromEntries(table.fields.map(({ name, means }) => [name, means]));
    expect(meaning).toMatchObject({
      'entries[0].type': 'IRQCHIP',
      'entries[0].u.irqchip.pin': 'INTID 35',
      'entries[1].type': 'MSI',
      'entries[1].flags': 'KVM_MSI_VALID_DEVID | unknown 0x4',
      'entries[1].u.msi.data': 'EventID 9',
    });
  });

  test('oddities: too short, too long, junk in fields that KVM ignores', () => {
    expect(explainIoctl('KVM_IRQFD', new Uint8Array(20)).notes).toEqual([
      'too short: kvm_irqfd has 32 bytes, and here are 20',
    ]);
    const long = new Uint8Array(34);
    long[20] = 1;
    expect(explainIoctl('KVM_IRQFD', long).notes).toEqual([
      '2 bytes follow that KVM does not read',
      'pad is not zero; KVM does not look at it',
    ]);
    expect(explainIoctl('KVM_SET_GSI_ROUTING', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0)).notes).toEqual([
      'too short: kvm_irq_routing has 104 bytes, and here are 8',
    ]);
    expect(explainIoctl('KVM_CREATE_IRQCHIP', Uint8Array.of(1)).notes).toHaveLength(1);
    expect(explainIoctl('KVM_SIGNAL_MSI', new Uint8Array(32)).notes).toEqual([]);
  });

  test('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...IOCTLS),
        fc.uint8Array({ maxLength: 200, size: 'max' }),
        ({ number }, bytes) => {
          const { fields } = explainIoctl(number, bytes);
          for (const { at, bytes: size } of fields) expect(at + size).toBeLessThanOrEqual(bytes.length);
        },
      ),
    );
  });
});

describe('hexadecimal text', () => {
  test.each([
    '01000000ff',
    '0x01000000ff',
    '01 00 00 00 ff',
    '01:00:00:00:FF',
    '\\x01\\x00\\x00\\x00\\xff',
    ' 01 00\n00 00 ff ',
  ])('%j', (text) => {
    expect(parseHex(text)).toEqual(Uint8Array.of(1, 0, 0, 0, 255));
  });

  test('is the reverse of its format', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(parseHex(formatHex(bytes))).toEqual(bytes);
      }),
    );
  });

  test.each(['0', '0x0', '01 0', 'zz', '01,,0g', '0x'])('%j is refused, and the place is named', (text) => {
    expect(() => parseHex(text)).toThrow(IrqError);
    expect(() => parseHex(text)).toThrow(/at character \d+/);
  });
});
