import { describe, expect, test } from 'vitest';
import { LinuxLines } from '../../src/guest-stress/linux-lines.ts';

const figuresOf = (...lines: readonly string[]) => {
  const follower = new LinuxLines();
  for (const line of lines) follower.take(line);
  return follower.figures();
};

describe('the console of a Linux guest under stress', () => {
  test('sums what the kernel counted for an interrupt, over CPUs and over the times that its driver was bound', () => {
    const { counts } = figuresOf(
      'count virtio1-req.0 3,0,4',
      'count virtio0-input 9',
      'count virtio1-req.0 1,1,0',
    );
    expect(counts).toEqual([
      { device: 1, name: 'virtio1-req.0', counted: 9 },
      { device: 0, name: 'virtio0-input', counted: 9 },
    ]);
  });

  test('says when the guest is at work and when it has finished, and what it did', () => {
    expect(figuresOf('stress: ready', 'stress: reads rng 12', 'stress: moves 3')).toMatchObject({
      ready: true,
      done: false,
      numbers: { 'reads rng': 12, moves: 3 },
    });
    expect(figuresOf('stress: done').done).toBe(true);
  });

  test('keeps what the kernel complains of, and what was misrouted', () => {
    const { alarms, misrouted } = figuresOf(
      '[    3.1] WARNING: CPU: 0 PID: 1 at kernel/irq/manage.c:1',
      '[    3.2] rcu: INFO: rcu_sched detected stalls',
      '[    3.3] all is well',
      'stress: misrouted virtio0-input 1 3,4 4,4',
    );
    expect(alarms).toHaveLength(2);
    expect(misrouted).toEqual(['virtio0-input 1 3,4 4,4']);
  });
});
