import { expect, test } from 'vitest';
import { irqloom } from './run.ts';

const ZEROS = '00'.repeat(16);
const IRQFD = ['01000000', '05000000', '00000000', '00000000', ZEROS];
const MSI_ROUTE = [
  '01000000 00000000',
  '05000000 02000000 01000000 00000000',
  '40000908 00000000 03000000 08000000',
  ZEROS,
];

test('ioctl names every field of bytes that KVM takes, and the return value', async () => {
  const { status, stdout } = await irqloom(['ioctl', 'KVM_SET_GSI_ROUTING', ...MSI_ROUTE]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/entries\[0\]\.type +0x2 +MSI/);
  expect(stdout).toMatch(/entries\[0\]\.u\.msi\.devid +0x8/);
  expect(stdout).toContain('returns 0');
});

test('--json is one object; an ioctl may be given by its number', async () => {
  const { status, stdout } = await irqloom(['ioctl', '0x4020ae76', ...IRQFD, '--json']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    schemaVersion: 1,
    ioctl: { name: 'KVM_IRQFD', struct: 'kvm_irqfd' },
    fields: expect.arrayContaining([expect.objectContaining({ name: 'gsi', at: 4, value: '0x5' })]),
    answer: { ok: true, value: 0 },
  });
});

test.each([
  ['too short', ['KVM_IRQFD', '0100'], 'EFAULT'],
  ['an eventfd that is not open', ['KVM_IRQFD', 'ff000000', ...IRQFD.slice(1)], 'EBADF'],
  [
    'a route of no type',
    ['KVM_SET_GSI_ROUTING', '01000000 00000000', '00000000 07000000', '00'.repeat(40)],
    'EINVAL',
  ],
  ['no table in this design', ['KVM_SET_GSI_ROUTING', ...MSI_ROUTE, '--abi', 'unrouted'], 'ENOTTY'],
])('KVM refuses with its errno: %s', async (_, args, errno) => {
  const { status, stdout } = await irqloom(['ioctl', ...args]);
  expect(status).toBe(1);
  expect(stdout).toMatch(new RegExp(`^refused: ${errno} \\(\\d+\\): .{10,}`, 'm'));
});

test.each([
  [['KVM_SET_GSI_ROUTNG', '00'], 'did you mean KVM_SET_GSI_ROUTING?'],
  [['KVM_IRQFD', '0g'], 'character 1'],
  [['KVM_IRQFD'], '32 bytes'],
  [['KVM_CHECK_EXTENSION', 'KVM_CAP_IRQ_ROUTNG'], 'did you mean KVM_CAP_IRQ_ROUTING?'],
  [['KVM_IRQFD', ...IRQFD, '--abi', 'z'], '--abi'],
])('what is no argument ends with status 2: %j', async (args, expected) => {
  const { status, stdout, stderr } = await irqloom(['ioctl', ...args]);
  expect(status).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(expected);
  expect(stderr).not.toMatch(/^\s+at /m);
});
