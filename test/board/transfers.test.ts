/** How many cache lines an interrupt moves between threads: counted by a model of coherent caches. */
import { describe, expect, test } from 'vitest';
import { count } from '../../bench/transfers.ts';

const regions = (size: Parameters<typeof count>[0], way: 'inline' | 'main') =>
  count(size, way).byRegion.map(({ region }) => region);

describe('the cache lines that an interrupt moves', () => {
  test('alone and inline are those of its state', () => {
    expect(regions({ vcpus: 1, devices: 1, events: 1 }, 'inline')).toEqual(['lpi']);
  });

  test('by way of the main thread are also those of its eventfd, once to be read and once to be written', () => {
    const { byRegion } = count({ vcpus: 1, devices: 1, events: 16 }, 'main');
    expect(byRegion[0]).toEqual({ region: 'eventfd.low', perInterrupt: 2 });
    expect(byRegion.slice(1).every(({ perInterrupt }) => perInterrupt <= 0.25)).toBe(true);
  });

  test('are written by two devices only where they are the list of a vCPU that both signal', () => {
    expect(count({ vcpus: 1, devices: 4, events: 16 }, 'inline').byDevices).toContain('vcpu.tail');
    for (const name of count({ vcpus: 4, devices: 4, events: 16 }, 'inline').byDevices)
      expect(name).toMatch(/^vcpu\./);
  });

  test('are written by two vCPUs only where they are state words', () => {
    expect(count({ vcpus: 4, devices: 4, events: 16 }, 'inline').byVcpus).toEqual(['lpi']);
    expect(count({ vcpus: 1, devices: 4, events: 16 }, 'inline').byVcpus).toEqual([]);
  });

  test('do not grow in number from sixteen pairs of device and vCPU to 64', () => {
    const [few, many] = [16, 64].map((pairs) =>
      count({ vcpus: pairs, devices: pairs, events: 16 }, 'inline'),
    );
    expect(many?.perInterrupt).toBeLessThan((few?.perInterrupt ?? 0) * 1.1);
  });
});
